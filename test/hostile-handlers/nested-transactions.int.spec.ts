import type { EntityManager } from 'typeorm';
import { CardRow } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { type Handler, effectOnce, failedTwice, hostileWorker, issueCard } from '../support/hostile.js';
import { forEngineOf } from '../support/postgres-words.js';

/** Property: two overlapping `manager.transaction` calls in one scope lost one's row silently. */

const onFire = new Error('the card printer is on fire');

const INSERT = 'INSERT INTO card (paymentId, issuedBy) VALUES (?, ?)';

const insert = (manager: EntityManager, paymentId: string, issuedBy: string) =>
  manager.insert(CardRow, { paymentId, issuedBy });

describe.each(engines)('a handler that nests transactions, on %s', (engine) => {
  const worker = hostileWorker(engine);
  const issuers = async (paymentId: string) => {
    const cards = await worker.app.dataSource.getRepository(CardRow).findBy({ paymentId });
    return cards.map(({ issuedBy }) => issuedBy).sort();
  };
  /** @returns who issued the cards that are left */
  const cardsOf = async (handler: Handler) => {
    const id = worker.newId();
    const end = await worker.meets(handler, id);
    expect(end).toEqual({ ...effectOnce(), cards: end.cards });
    return issuers(id);
  };

  it('keeps what a nested transaction wrote, with the rest', async () => {
    const cards = await cardsOf(async ({ paymentId }, { manager }) => {
      await manager.transaction((nested) => insert(nested, paymentId, 'nested'));
      await insert(manager, paymentId, 'outer');
    });
    expect(cards).toEqual(['nested', 'outer']);
  });

  it('loses only what the nested transaction wrote that failed and was swallowed', async () => {
    const cards = await cardsOf(async ({ paymentId }, { manager }) => {
      await insert(manager, paymentId, 'outer');
      const nested = manager.transaction(async (inner) => {
        await insert(inner, paymentId, 'nested');
        throw onFire;
      });
      await nested.catch(() => undefined);
    });
    expect(cards).toEqual(['outer']);
  });

  it('leaves nothing when a nested transaction fails and nobody swallows it', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.transaction(async (nested) => {
        await insert(nested, paid.paymentId, 'nested');
        throw onFire;
      });
    });
    expect(end).toEqual(failedTwice);
  });

  it.each([
    ['the first', [true, false]],
    ['the second', [false, true]],
  ])('keeps both neighbours of a nested transaction beside it when %s fails', async (_, fails) => {
    const cards = await cardsOf(async ({ paymentId }, { manager }) => {
      const sideBySide = fails.map((isFailing, i) =>
        manager.transaction(async (nested) => {
          await insert(nested, paymentId, `nested ${i}`);
          await nested.query('SELECT 1');
          if (isFailing) throw onFire;
          await insert(nested, paymentId, `nested ${i} again`);
        }),
      );
      await Promise.allSettled([...sideBySide, insert(manager, paymentId, 'plain, meanwhile')]);
    });
    const other = fails.indexOf(false);
    expect(cards).toEqual([`nested ${other}`, `nested ${other} again`, 'plain, meanwhile']);
  });

  it('keeps the plain write that is issued in the middle of a nested transaction which fails', async () => {
    const cards = await cardsOf(async ({ paymentId }, { manager }) => {
      let inTheMiddle!: () => void;
      const middle = new Promise<void>((resolve) => (inTheMiddle = resolve));
      const plain = middle.then(() => insert(manager, paymentId, 'plain'));
      const nested = manager.transaction(async (inner) => {
        await insert(inner, paymentId, 'nested');
        inTheMiddle();
        await inner.query('SELECT 1');
        throw onFire;
      });
      await Promise.allSettled([nested, plain]);
    });
    expect(cards).toEqual(['plain']);
  });

  it('keeps ten of twenty that run side by side, three deep', async () => {
    const cards = await cardsOf(async ({ paymentId }, { manager }) => {
      const three = (at: EntityManager, name: string, isFailing: boolean) =>
        at.transaction((one) =>
          one.transaction((two) =>
            two.transaction(async (deepest) => {
              await insert(deepest, paymentId, name);
              if (isFailing) throw onFire;
            }),
          ),
        );
      await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) =>
          three(manager, `card ${String(i).padStart(2, '0')}`, i % 2 === 1),
        ),
      );
    });
    expect(cards).toEqual(Array.from({ length: 10 }, (_, i) => `card ${String(2 * i).padStart(2, '0')}`));
  });

  it('keeps the siblings of a failing one inside of a nested transaction', async () => {
    const cards = await cardsOf(async ({ paymentId }, { manager }) => {
      await manager.transaction(async (outer) => {
        const failing = outer.transaction(async (inner) => {
          await insert(inner, paymentId, 'failing');
          throw onFire;
        });
        const fine = outer.transaction((inner) => insert(inner, paymentId, 'fine'));
        await Promise.allSettled([failing, fine, insert(outer, paymentId, 'plain')]);
      });
    });
    expect(cards).toEqual(['fine', 'plain']);
  });

  it('is rolled back when it returns while a nested transaction is running', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      void delivery.manager.transaction(async (nested) => {
        for (let i = 0; i < 20; i++) await insert(nested, paid.paymentId, `nested ${i}`);
      });
    });
    expect(end).toEqual(failedTwice);
  });

  it('is rolled back when it throws beside a nested transaction that is running', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await Promise.all([
        delivery.manager.transaction(async (nested) => {
          for (let i = 0; i < 20; i++) await insert(nested, paid.paymentId, `nested ${i}`);
        }),
        Promise.reject(onFire),
      ]);
    });
    expect(end).toEqual(failedTwice);
  });

  it.each(['startTransaction', 'commitTransaction', 'rollbackTransaction'] as const)(
    'is refused queryRunner.%s() in a nested transaction, which can go on',
    async (method) => {
      const refusals: unknown[] = [];
      const cards = await cardsOf(async ({ paymentId }, { manager }) => {
        await manager.transaction(async (nested) => {
          await insert(nested, paymentId, 'nested');
          await nested.queryRunner![method]().catch((error: unknown) => refusals.push(error));
        });
        await insert(manager, paymentId, 'outer');
      });
      expect(cards).toEqual(['nested', 'outer']);
      expect(refusals).toEqual([
        expect.objectContaining({
          code: 'MANUAL_TRANSACTION_CONTROL',
          message: expect.stringContaining('use manager.transaction(…)') as string,
        }),
      ]);
    },
  );

  it('leaves nothing when it begins one with the query runner, beside another', async () => {
    const end = await worker.meets(async ({ paymentId }, { manager }) => {
      const runner = manager.queryRunner!;
      const byRunner = async (issuedBy: string) => {
        await runner.startTransaction();
        await insert(manager, paymentId, issuedBy);
        await runner.commitTransaction();
      };
      await Promise.all([byRunner('one'), byRunner('two')]);
    });
    expect(end).toEqual(failedTwice);
  });

  it('leaves nothing when it nests through an entity manager that it made itself', async () => {
    const end = await worker.meets(async ({ paymentId }, { manager }) => {
      const own = manager.dataSource.createEntityManager(manager.queryRunner);
      await own.transaction((nested) => insert(nested, paymentId, 'own'));
    });
    expect(end).toEqual(failedTwice);
  });

  it('may give a nested transaction an isolation level, which TypeORM checks', async () => {
    const cards = await cardsOf(async ({ paymentId }, { manager }) => {
      await manager.transaction('SERIALIZABLE', (nested) => insert(nested, paymentId, 'nested'));
    });
    expect(cards).toEqual(['nested']);
  });
});

describe.each(engines)('a nested transaction that awaits what waits for its end, on %s', (engine) => {
  const worker = hostileWorker(engine, { options: { consumers: { timeoutMs: 300 } } });

  it('fails at the time limit, and the error names it', async () => {
    const id = worker.newId();
    const end = await worker.meets(async ({ paymentId }, { manager }) => {
      let begin!: () => void;
      const begun = new Promise<void>((resolve) => (begin = resolve));
      const earlier = begun.then(() => manager.find(CardRow));
      await manager.transaction(async (nested) => {
        await insert(nested, paymentId, 'nested');
        begin();
        await earlier;
      });
    }, id);
    expect(end).toEqual(failedTwice);
    expect((await worker.errors(id))[0]).toMatch(
      /DeliveryTimeoutError: .* waited for a nested transaction to end/,
    );
  });
});

describe.each(engines)('a handler that writes through the entity manager, on %s', (engine) => {
  const worker = hostileWorker(engine);
  const ways: [string, Handler][] = [
    [
      'manager.save',
      (card, { manager }) => manager.save(CardRow, { paymentId: card.paymentId, issuedBy: 'x' }),
    ],
    [
      'manager.save of many, in chunks, and remove',
      async ({ paymentId }, { manager }) => {
        const repository = manager.getRepository(CardRow);
        const cards = await repository.save(
          ['x', 'y'].map((issuedBy) => repository.create({ paymentId, issuedBy })),
          { chunk: 1 },
        );
        await repository.remove(cards[1]!);
      },
    ],
    [
      'a repository of the manager',
      ({ paymentId }, { manager }) => manager.getRepository(CardRow).save({ paymentId, issuedBy: 'x' }),
    ],
    [
      'an injected repository that was given the manager',
      ({ paymentId }, { manager }) =>
        manager
          .withRepository(worker.app.dataSource.getRepository(CardRow))
          .insert({ paymentId, issuedBy: 'x' }),
    ],
    [
      'a query builder',
      ({ paymentId }, { manager }) =>
        manager.createQueryBuilder().insert().into(CardRow).values({ paymentId, issuedBy: 'x' }).execute(),
    ],
    [
      'plain SQL',
      ({ paymentId }, { manager }) => manager.query(forEngineOf(manager, INSERT), [paymentId, 'x']),
    ],
    [
      'the query runner',
      ({ paymentId }, { manager }) =>
        manager.queryRunner!.query(forEngineOf(manager, INSERT), [paymentId, 'x']),
    ],
  ];

  it.each(ways)('takes effect once through %s', async (_, write) => {
    expect(await worker.meets(write)).toEqual(effectOnce());
  });

  it.each(ways)('leaves nothing of what it wrote through %s when it throws', async (_, write) => {
    const end = await worker.meets(async (paid, delivery) => {
      await write(paid, delivery);
      throw onFire;
    });
    expect(end).toEqual(failedTwice);
  });
});
