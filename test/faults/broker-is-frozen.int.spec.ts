import { Injectable } from '@nestjs/common';
import { createConnection } from 'mysql2/promise';
import { IdempotentConsumer, IdempotentMqOperations, type PayloadOf } from '../../src/index.js';
import { startApart } from '../relay/support.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, emptyDatabase, engines } from '../support/engines.js';
import { OwnServer } from '../support/own-server.js';
import { until } from '../support/until.js';

// Property: a server that answers nothing, or only part of what it is asked, costs time and no message.

@Injectable()
class CardIssuing {
  readonly issued = new Set<string>();

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>): Promise<void> {
    this.issued.add(paymentId);
  }
}

const payments = (count: number) => Array.from({ length: count }, (_, i) => payment(`P-${i}`));

describe.each(engines)('a broker that never answers one question, from an app on %s,', (engine) => {
  it.each(['acknowledge', 'claim', 'poll', 'extend'] as const)(
    'holds up neither the others nor a shutdown (%s)',
    async (question) => {
      const business = await createDatabase(engine);
      const broker = await createDatabase(engine);
      let silences = 2;
      const app = await startApart(
        { business, broker },
        {
          providers: [CardIssuing],
          options: { statementTimeoutMs: 500, consumers: { concurrency: 2, leaseMs: 3_000 } },
          through: (real) => ({
            ...real,
            [question]: (...args: unknown[]) =>
              silences-- > 0
                ? new Promise(() => undefined)
                : (real[question] as (...given: unknown[]) => unknown)(...args),
          }),
        },
      );
      await app.outbox.publishAll(PaymentSucceeded, payments(10), { standalone: true });
      await until('all cards are issued', async () => app.nest.get(CardIssuing).issued.size === 10);
      silences = Infinity;
      await app.outbox.publish(PaymentSucceeded, payment('P-LAST'), { standalone: true });
      const began = performance.now();
      await app.close();
      expect(performance.now() - began).toBeLessThan(15_000);
      await business.drop();
      await broker.drop();
    },
  );
});

const servers = engines.flatMap((engine) => (engine === 'sqlite' ? [] : [engine]));

if (servers.length > 0) {
  describe.each(servers)('a server of its own, %s,', (engine) => {
    let server: OwnServer;
    let elsewhere: TestDatabase;
    let there: TestDatabase;
    let app: TestApp | undefined;

    beforeAll(async () => {
      server = await OwnServer.start(engine);
    }, 60_000);

    afterAll(() => server.close());

    beforeEach(async () => {
      elsewhere = await createDatabase('sqlite');
      there = await emptyDatabase(engine, 'utf8mb4', server.url);
    });

    afterEach(async () => {
      await app?.close();
      app = undefined;
      await elsewhere.drop();
      await there.drop();
    });

    it.each([
      { whose: "the broker's", business: () => elsewhere, broker: () => there },
      { whose: "the sender's", business: () => there, broker: () => elsewhere },
    ])(
      'that is frozen and has $whose database holds up no shutdown',
      async ({ business, broker }) => {
        const both = { business: business(), broker: broker() };
        let asked = 0;
        const frozen = await startApart(both, {
          options: { shutdownTimeoutMs: 200 },
          through: (real) => ({ ...real, acceptance: (origin) => (asked++, real.acceptance(origin)) }),
        });
        await frozen.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
        await frozen.events('relayed');
        server.freeze();
        try {
          if (both.business === elsewhere) {
            const before = asked;
            await frozen.outbox.publish(PaymentSucceeded, payment('P-2'), { standalone: true });
            await until('its relay has asked the frozen one', async () => asked > before);
          }
          const began = performance.now();
          await frozen.close();
          expect(performance.now() - began).toBeLessThan(8_000);
        } finally {
          server.thaw();
        }
        app = await startApart(both, { providers: [CardIssuing] });
        const wanted = both.business === elsewhere ? 2 : 1;
        await until('nothing was lost', async () => app!.nest.get(CardIssuing).issued.size === wanted);
      },
      60_000,
    );

    it("that is frozen and has the broker's database leaves the sender's numbers as they are", async () => {
      app = await startApart(
        { business: elsewhere, broker: there },
        { options: { statementTimeoutMs: 500, roles: { relay: false, consume: false } } },
      );
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
      const operations = app.nest.get(IdempotentMqOperations);
      expect(await operations.status()).toMatchObject({ broker: { reachable: true }, notes: [] });
      server.freeze();
      try {
        const status = await operations.status();
        expect(status).toMatchObject({
          broker: { kind: 'own-database', reachable: false },
          outbox: { waiting: { value: 1, precision: 'exact' } },
          groups: [],
          notes: [expect.stringContaining('500 ms')],
        });
      } finally {
        server.thaw();
      }
    }, 60_000);

    // It is a setting of MySQL's and MariaDB's.
    if (engine === 'postgres') return;

    it.each(['in one database', 'apart'])(
      'that cuts off what is selected loses nothing, %s',
      async (shape) => {
        const connection = await createConnection(server.url);
        await connection.query('SET GLOBAL sql_select_limit = 20');
        const other = await emptyDatabase(engine, 'utf8mb4', server.url);
        try {
          const parts = { providers: [CardIssuing] };
          app =
            shape === 'apart'
              ? await startApart({ business: there, broker: other }, parts)
              : await startApp(there, parts);
          await app.outbox.publishAll(PaymentSucceeded, payments(200), { standalone: true });
          await until('all cards are issued', async () => app!.nest.get(CardIssuing).issued.size === 200);
          expect(app.seen.filter(({ type }) => type === 'message-missing')).toEqual([]);
        } finally {
          await connection.query('SET GLOBAL sql_select_limit = DEFAULT');
          await connection.end();
          await app?.close();
          app = undefined;
          await other.drop();
        }
      },
      60_000,
    );
  });
}
