import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { CardRow, PaymentSucceeded, payment } from '../support/cards.js';
import { createDatabase } from '../support/engines.js';
import {
  type Handler,
  type HostileWorker,
  describeOnServers,
  effectOnce,
  failedTwice,
  hostileWorker,
  issueCard,
  runs,
} from '../support/hostile.js';

/**
 * A handler whose connection is lost while the database is there: at no cost the first few times, since an operator may
 * have done it, and not for ever, since the handler may have done it itself. Nothing is left of it either way.
 */

/** The first three cost nothing, and the consumer allows two attempts. */
const failedAtLast = { ...failedTwice, runs: runs(5) };

type Sql = DeliveryContext['manager'];

describeOnServers('a handler that loses its connection, on %s', (engine) => {
  const worker = hostileWorker(engine);

  const idOf = async (manager: Sql): Promise<number> => {
    const [{ id }] = await manager.query('SELECT CONNECTION_ID() AS id');
    return Number(id);
  };

  /** Resolves when the client has seen it as well. */
  const kill = async (manager: Sql): Promise<void> => {
    const id = await idOf(manager);
    const connection: Closing = await manager.queryRunner!.connect();
    const closed = new Promise((resolve) => connection.stream.once('close', resolve));
    const killer = await worker.connect();
    await killer.query(`KILL CONNECTION ${id}`);
    await killer.end();
    await closed;
  };

  const always: [string, Handler][] = [
    [
      'between two statements',
      async (paid, delivery) => {
        await issueCard(paid, delivery);
        await kill(delivery.manager);
        await issueCard(paid, delivery);
      },
    ],
    [
      'between two statements, and swallows what the second one says',
      async (paid, delivery) => {
        await issueCard(paid, delivery);
        await kill(delivery.manager);
        await issueCard(paid, delivery).catch(() => undefined);
      },
    ],
    [
      'between two statements, and throws something else',
      async (paid, delivery) => {
        await kill(delivery.manager);
        await issueCard(paid, delivery).catch(() => {
          throw new Error('no card could be issued');
        });
      },
    ],
    [
      'after its last statement',
      async (paid, delivery) => {
        await issueCard(paid, delivery);
        await kill(delivery.manager);
      },
    ],
    [
      'by its own statement',
      async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('KILL CONNECTION_ID()');
      },
    ],
    [
      'by a statement that no packet can carry',
      async (paid, delivery) => {
        await issueCard(paid, delivery);
        const [{ bytes }] = await delivery.manager.query('SELECT @@max_allowed_packet AS bytes');
        await delivery.manager.query('SELECT LENGTH(?)', [Buffer.alloc(Number(bytes) / 2 + 100_000, 1)]);
      },
    ],
  ];

  it.each(always)('goes to the dead letters in the end, if it does so %s each time', async (_, handler) => {
    const id = worker.newId();
    const end = await worker.meets(handler, id);
    // A statement that is too long may get its answer before the connection is closed: then it counts at once.
    expect({ ...end, runs: 5 }).toEqual(failedAtLast);
    const seen = worker.whatHappened(id);
    const free = seen.filter((type) => type === 'given-back');
    expect(free).toHaveLength(seen.filter((type) => type === 'delivered').length - 2);
    expect(free.length).toBeLessThanOrEqual(3);
  });

  it.each(always.slice(0, 5))('takes effect once, at no cost, if it does so %s, once', async (_, handler) => {
    const id = worker.newId();
    let runs = 0;
    const end = await worker.meets((paid, delivery) => {
      return ++runs === 1 ? handler(paid, delivery) : issueCard(paid, delivery);
    }, id);
    expect(end).toEqual(effectOnce(2));
    worker.expectHappened(id, 'delivered', 'worker-error', 'given-back', 'delivered', 'acknowledged');
  });

  it('says in its dead letter what may have done it', async () => {
    const id = worker.newId();
    await worker.meets(always[0]![1], id);
    const errors = await worker.errors(id);
    expect(errors).toHaveLength(5);
    for (const error of errors) {
      expect(error).toMatch(
        /^ConnectionLostError: .*CardIssuing\.issue.* though the database answers.*event loop.*max_allowed_packet/,
      );
    }
  });

  it('makes IdempotentExecutor say so by a code, and leaves nothing', async () => {
    const key = { scenario: 'refund', bizId: worker.newId() };
    for (const statements of ['one more', 'no more']) {
      const run = worker.app.executor.run(key, async (manager) => {
        await manager.insert(CardRow, { paymentId: key.bizId, issuedBy: 'executor' });
        await kill(manager);
        if (statements === 'one more') await manager.query('SELECT 1');
      });
      await expect(run).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    }
    expect(await worker.app.dataSource.getRepository(CardRow).countBy({ paymentId: key.bizId })).toBe(0);
    await expect(worker.app.executor.run(key, async () => 'done')).resolves.toMatchObject({ executed: true });
  });
});

interface Closing {
  stream: NodeJS.EventEmitter;
}

describeOnServers('a handler that blocks the event loop for longer than two leases, on %s', (engine) => {
  const worker: HostileWorker = hostileWorker(engine, { options: { consumers: { leaseMs: 300 } } });

  it('goes to the dead letters in the end', async () => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      const until = performance.now() + 2_500;
      while (performance.now() < until);
    }, id);
    expect(end).toEqual(failedAtLast);
  });
});

@Injectable()
class SlowIssuing {
  readonly waitTimeouts: number[] = [];

  @IdempotentConsumer(PaymentSucceeded, { group: 'slow', leaseMs: 90_000 })
  async issue(_paid: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext): Promise<void> {
    const [{ seconds }] = await manager.query('SELECT @@wait_timeout AS seconds');
    this.waitTimeouts.push(Number(seconds));
  }
}

describeOnServers('the server that handlers of several leases run on, %s', (engine) => {
  it('takes their connections for dead after two of the longest one', async () => {
    const database = await createDatabase(engine);
    const app = await startApp(database, { providers: [SlowIssuing] });
    try {
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
      await app.events('acknowledged');
      expect(app.nest.get(SlowIssuing).waitTimeouts).toEqual([180]);
    } finally {
      await app.close();
      await database.drop();
    }
  });
});
