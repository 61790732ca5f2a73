import { Logger } from '@nestjs/common';
import { CardRow } from '../support/cards.js';
import { engines } from '../support/engines.js';
import {
  type Handler,
  type HostileWorker,
  effectOnce,
  failedTwice,
  hostileWorker,
  issueCard,
  servers,
} from '../support/hostile.js';

/**
 * Property: a query that nobody awaits runs outside of the transaction once that has ended. None of these may reject
 * unheard either, which would end the process: Jest fails a test where one does.
 */

describe.each(engines)('a handler that forgets an await, on %s', (engine) => {
  const worker = hostileWorker(engine);

  /** SQLite runs a statement so soon that it may be through before the return is seen: then nothing was left running. */
  const rolledBackUnlessThrough = (through: typeof failedTwice) =>
    engine === 'sqlite' ? [failedTwice, through] : [failedTwice];

  it('is rolled back when its only write is still running at its return', async () => {
    const id = worker.newId();
    const end = await worker.meets((paid, delivery) => {
      void issueCard(paid, delivery);
    }, id);
    expect(rolledBackUnlessThrough(effectOnce())).toContainEqual(end);
    if (end.cards === 0) {
      expect((await worker.errors(id))[0]).toMatch(/UnsettledQueryError: .* an await is missing/);
    }
  });

  it('is rolled back when a write that fails is still running at its return', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      void delivery.manager.query('INSERT INTO no_such_table (id) VALUES (1)');
    });
    expect(end).toEqual(failedTwice);
  });

  it('is rolled back when it throws while a write is running', async () => {
    const end = await worker.meets((paid, delivery) => {
      void issueCard(paid, delivery);
      void delivery.manager.query('INSERT INTO no_such_table (id) VALUES (1)');
      throw new Error('the card printer is on fire');
    });
    expect(end).toEqual(failedTwice);
  });

  it('is rolled back when the first rejection of Promise.all leaves others running', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await Promise.all([
        delivery.manager.query('INSERT INTO no_such_table (id) VALUES (1)'),
        issueCard(paid, delivery),
        issueCard(paid, delivery),
      ]);
    });
    expect(end).toEqual(failedTwice);
  });

  it('is rolled back when it swallows the first rejection of Promise.all while others are running', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      const all = [
        Promise.reject(new Error('the card printer is on fire')),
        issueCard(paid, delivery),
        issueCard(paid, delivery),
      ];
      await Promise.all(all).catch(() => undefined);
    });
    expect(rolledBackUnlessThrough({ ...effectOnce(), cards: 2 })).toContainEqual(end);
  });

  it('has no part of its effect lost when Promise.allSettled waits for all of it', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await Promise.allSettled([
        delivery.manager.query('INSERT INTO no_such_table (id) VALUES (1)'),
        issueCard(paid, delivery),
      ]);
    });
    // There the error has aborted what came behind it.
    expect(end).toEqual(engine === 'postgres' ? failedTwice : effectOnce());
  });

  it.each([
    ['returned', () => undefined],
    [
      'thrown',
      () => {
        throw new Error('the card printer is on fire');
      },
    ],
  ])('writes nothing once it has %s and a forgotten part of it goes on', async (_, last) => {
    const goOn: (() => void)[] = [];
    const end = await worker.meets(async (paid, delivery) => {
      const told = new Promise<void>((resolve) => goOn.push(resolve));
      void told.then(() => delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: 'late' }));
      await issueCard(paid, delivery);
      last();
    });
    const reported = nextReport();
    goOn.forEach((go) => go());
    expect(await reported).toMatch(/is over .* a further statement is refused/);
    expect(end.cards).toBe(end.deadLetters.length === 0 ? 1 : 0);
    await expectOnlyThese(worker, end.cards);
  });
});

/** The late card is in no transaction, and not on its way into one. */
async function expectOnlyThese(worker: HostileWorker, cards: number): Promise<void> {
  await worker.expectNothingHeld();
  expect(await worker.app.dataSource.getRepository(CardRow).countBy({ issuedBy: 'late' })).toBe(0);
  expect(cards).toBeLessThanOrEqual(1);
}

/** What the library next says to an operator as an error. */
function nextReport(): Promise<string> {
  return new Promise((resolve) => {
    const spy = jest.spyOn(Logger.prototype, 'error').mockImplementation((message: unknown) => {
      spy.mockRestore();
      resolve(String(message));
    });
  });
}

for (const engine of servers) {
  describe(`a handler that leaves something running on its connection, on ${engine}`, () => {
    const worker = hostileWorker(engine);
    const manyRows =
      "SELECT REPEAT('x', 2000) AS filler FROM information_schema.columns a JOIN information_schema.columns b LIMIT 50000";

    it('is rolled back when a slow statement is still running at its return', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        void delivery.manager.query('DO SLEEP(0.1)');
      });
      expect(end).toEqual(failedTwice);
    });

    it('is rolled back when a statement comes between its return and the COMMIT', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        setImmediate(() => void issueCard(paid, delivery));
      });
      expect(end).toEqual(failedTwice);
    });

    it('takes effect once when it has read a stream to its end', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        const stream = await delivery.manager.queryRunner!.stream('SELECT 1 UNION SELECT 2');
        const rows: unknown[] = [];
        for await (const row of stream) rows.push(row);
        if (rows.length === 2) await issueCard(paid, delivery);
      });
      expect(end).toEqual(effectOnce());
    });

    const leftOpen: [string, Handler][] = [
      ['a short stream', (_, { manager }) => manager.queryRunner!.stream('SELECT 1')],
      [
        'a stream of more than fits into the network',
        (_, { manager }) => manager.queryRunner!.stream(manyRows),
      ],
      [
        'a stream and a statement behind it',
        async (paid, delivery) => {
          await delivery.manager.queryRunner!.stream(manyRows);
          void issueCard(paid, delivery);
        },
      ],
      [
        'a stream that it has begun to read',
        async (_, { manager }) => {
          for await (const _row of await manager.queryRunner!.stream(manyRows)) return;
        },
      ],
    ];

    it.each(leftOpen)(
      'is rolled back, and its connection closed, when it leaves %s open',
      async (_, handler) => {
        const id = worker.newId();
        const end = await worker.meets(async (paid, delivery) => {
          await issueCard(paid, delivery);
          await handler(paid, delivery);
        }, id);
        expect(end).toEqual(failedTwice);
      },
    );

    it('fails, and the worker goes on, when a stream breaks that nobody listens to', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.queryRunner!.stream('SELECT nonsense');
      });
      expect(end).toEqual(failedTwice);
    });
  });
}
