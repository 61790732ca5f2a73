import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect as connectTo, createServer } from 'node:net';
import { Injectable } from '@nestjs/common';
import { IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import type { TestApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { logLines } from '../support/log-lines.js';
import { until } from '../support/until.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: no business waits for its broker. An app starts while the broker's server is away, publishes, and sends and
// consumes as soon as it is there.

@Injectable()
class CardIssuing {
  readonly issued: string[] = [];

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>): Promise<void> {
    this.issued.push(paymentId);
  }
}

/** A port at which nobody answers, until the server behind it is there. */
class Door {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(
    readonly port: number,
    private readonly behind: { host: string; port: number },
  ) {}

  static async closed(behind: { host: string; port: number }): Promise<Door> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    return new Door(port, behind);
  }

  async open(): Promise<void> {
    this.server = createServer((client) => {
      const upstream = connectTo(this.behind);
      for (const socket of [client, upstream]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined);
      }
      client.pipe(upstream).pipe(client);
    }).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  close(): void {
    this.server?.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

describe.each(engines)('an app whose broker is in a database that does not exist, on %s,', (engine) => {
  it('does not start', async () => {
    const databases = await twoDatabases(engine);
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const wrong =
      engine === 'sqlite'
        ? `${String(databases.business.options.database)}/broker.sqlite`
        : `${String(databases.broker.options.database)}_not_there`;
    const dataSource = { ...databases.broker.options, database: wrong } as never;
    const starting = startApart({
      business: databases.business,
      broker: { ...databases.broker, options: dataSource },
    });
    await expect(starting).rejects.toThrow(
      /Unknown database|does not exist|ENOTDIR|EEXIST|directory|unable to open/i,
    );
    // Nothing was left open that would keep the next start from going well.
    await (await startApart(databases)).close();
    jest.restoreAllMocks();
    await databases.drop();
  });
});

const servers = engines.filter((engine) => engine !== 'sqlite');

if (servers.length > 0) {
  describe.each(servers)('an app that starts while its broker is away, on %s,', (engine) => {
    let databases: TwoDatabases;
    let door: Door;
    let app: TestApp;
    let lines: string[];

    beforeEach(async () => {
      lines = logLines();
      databases = await twoDatabases(engine);
      const { options } = databases.broker;
      door = await Door.closed(options as { host: string; port: number });
      const broker = { ...databases.broker, options: { ...options, port: door.port } as never };
      app = await startApart({ business: databases.business, broker }, { providers: [CardIssuing] });
    });

    afterEach(async () => {
      jest.restoreAllMocks();
      await app.close();
      door.close();
      await databases.drop();
    });

    it('publishes, and sends and consumes when it is there', async () => {
      expect(lines.join('\n')).toMatch(
        /warn: The broker's database \(.+\) can't be reached. What is published waits/,
      );
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
      await expect(app.broker.deadLetters.list()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
      await door.open();
      await app.events('acknowledged');
      expect(app.nest.get(CardIssuing).issued).toEqual(['P-1']);
      await app.outbox.publish(PaymentSucceeded, payment('P-2'), { standalone: true });
      await app.events('acknowledged', 2);
    });

    it('says once that it is away, and once that it is there', async () => {
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
      const told = (what: RegExp) => lines.filter((line) => what.test(line)).length;
      await until('all loops have met it', async () =>
        (['relay-error', 'worker-error'] as const).every(
          (kind) => app.seen.filter(({ type }) => type === kind).length > 1,
        ),
      );
      await door.open();
      await app.events('acknowledged');
      await app.events('worker-recovered');
      await app.events('relay-recovered');
      expect(told(/The relay could not send to the broker/)).toBe(1);
      expect(told(/The relay works again/)).toBe(1);
      expect(told(/The worker of card-issuing of payment.succeeded could not/)).toBe(1);
      expect(told(/The worker of card-issuing of payment.succeeded works again/)).toBe(1);
    });

    it('stops while it waits', async () => {
      await app.close();
      app = await startApart(databases);
    });
  });
}
