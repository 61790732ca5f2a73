import { CardRow } from '../support/cards.js';
import { engines } from '../support/engines.js';
import {
  effectOnce,
  failedTwice,
  hostileWorker,
  issueCard,
  servers,
  torn,
  runs,
} from '../support/hostile.js';

/** Property: what a handler commits itself takes effect once or is Torn; what it rolls back leaves nothing. */

describe.each(engines)('a handler that reaches for the transaction itself, on %s', (engine) => {
  const worker = hostileWorker(engine);
  // There DDL is part of the transaction, and COMMIT and its like are refused.
  const refuses = engine === 'sqlite' || engine === 'postgres';

  it('takes effect once after DDL, where it finishes', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.query('CREATE TABLE made_by_handler (id INT)');
    });
    expect(end).toEqual(effectOnce());
  });

  it('is torn after DDL that committed, when it throws; where DDL is part of the transaction, nothing is left', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.query('CREATE TABLE made_by_thrower (id INT)');
      throw new Error('the card printer is on fire');
    });
    expect(end).toEqual(refuses ? failedTwice : torn());
  });

  it.each(['COMMIT', '  -- done\n /* really */ commit;'])(
    'takes effect once, or is refused, when it sends %j and finishes',
    async (sql) => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query(sql);
      });
      expect(end).toEqual(refuses ? failedTwice : effectOnce());
    },
  );

  it('is torn when it sends COMMIT and throws; where COMMIT is refused, nothing is left', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.query('COMMIT');
      throw new Error('the card printer is on fire');
    });
    expect(end).toEqual(refuses ? failedTwice : torn());
  });

  it('takes effect once when it sends COMMIT, swallows the refusal that it may get, and finishes', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await delivery.manager.query('COMMIT').catch(() => undefined);
      await issueCard(paid, delivery);
    });
    expect(end).toEqual(effectOnce());
  });

  it.each(['ROLLBACK', 'START TRANSACTION', 'BEGIN'])(
    'leaves nothing half done when it sends %s, swallows what comes of it, writes and returns',
    async (sql) => {
      const end = await worker.meets(async (paid, delivery) => {
        await delivery.manager.query(sql).catch(() => undefined);
        await issueCard(paid, delivery);
      });
      const harmless = refuses || sql !== 'ROLLBACK';
      expect(end).toEqual(harmless ? effectOnce() : failedTwice);
    },
  );

  it('leaves nothing when it sends ROLLBACK, writes and throws', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await delivery.manager.query('ROLLBACK');
      await issueCard(paid, delivery);
      throw new Error('the card printer is on fire');
    });
    expect(end).toEqual(failedTwice);
  });

  it.each(['commitTransaction', 'rollbackTransaction', 'release'] as const)(
    'is refused queryRunner.%s() on the outermost transaction',
    async (method) => {
      const id = worker.newId();
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.queryRunner![method]();
      }, id);
      expect(end).toEqual(failedTwice);
      expect((await worker.errors(id))[0]).toContain(`${method}()`);
    },
  );

  it('takes effect once when it swallows the refusal of commitTransaction() and goes on', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await delivery.manager.queryRunner!.commitTransaction().catch(() => undefined);
      await issueCard(paid, delivery);
    });
    expect(end).toEqual(effectOnce());
  });

  it('may use savepoints of its own', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await delivery.manager.query('SAVEPOINT mine');
      await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: 'undone' });
      await delivery.manager.query('ROLLBACK TO SAVEPOINT mine');
      await issueCard(paid, delivery);
      await delivery.manager.query('RELEASE SAVEPOINT mine');
    });
    expect(end).toEqual(effectOnce());
  });
});

for (const engine of servers) {
  describe(`a handler that ends its transaction where no text shows it, on ${engine}`, () => {
    const worker = hostileWorker(engine);
    const hidden =
      engine === 'mariadb'
        ? ['/*! COMMIT */', "EXECUTE IMMEDIATE 'COMMIT'", '/*M! COMMIT */']
        : ['/*! COMMIT */', '/*!80000 COMMIT */'];

    beforeAll(async () => {
      const { dataSource } = worker.app;
      await dataSource.query('CREATE PROCEDURE commits() BEGIN COMMIT; END');
      await dataSource.query(
        "CREATE PROCEDURE commits_and_writes(id VARCHAR(99)) BEGIN COMMIT; INSERT INTO card (paymentId, issuedBy) VALUES (id, 'after'); END",
      );
      await dataSource.query('CREATE PROCEDURE commits_and_answers() BEGIN COMMIT; SELECT 1; END');
      await dataSource.query(
        "CREATE PROCEDURE rolls_back_and_writes(id VARCHAR(99)) BEGIN ROLLBACK; INSERT INTO card (paymentId, issuedBy) VALUES (id, 'after'); END",
      );
    });

    it.each(hidden)('takes effect once when it sends %s and finishes', async (sql) => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query(sql);
      });
      expect(end).toEqual(effectOnce());
    });

    it.each(hidden)('is torn when it sends %s and throws', async (sql) => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query(sql);
        throw new Error('the card printer is on fire');
      });
      expect(end).toEqual(torn());
    });

    it('is torn when a prepared statement commits and it throws', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        for (const sql of ["PREPARE c FROM 'COMMIT'", 'EXECUTE c', 'DEALLOCATE PREPARE c']) {
          await delivery.manager.query(sql);
        }
        throw new Error('the card printer is on fire');
      });
      expect(end).toEqual(torn());
    });

    it('takes effect once when a stored procedure commits and it finishes', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await delivery.manager.query('CALL commits()');
        await delivery.manager.query('CALL commits_and_writes(?)', [paid.paymentId]);
      });
      expect(end).toEqual(effectOnce());
    });

    it('is torn when a stored procedure commits and it throws', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('CALL commits()');
        throw new Error('the card printer is on fire');
      });
      expect(end).toEqual(torn());
    });

    it('is torn at its redelivery when a stored procedure commits and writes, and it throws', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('CALL commits_and_writes(?)', ['somebody else']);
        throw new Error('the card printer is on fire');
      });
      // The server says nothing of the commit; the dedup row that the redelivery meets does.
      expect(end).toEqual(torn({ failures: runs(1) }));
    });

    it('is torn when a stored procedure commits and answers rows, and it throws', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('CALL commits_and_answers()');
        throw new Error('the card printer is on fire');
      });
      expect(end).toEqual(torn());
    });

    it('leaves nothing when a stored procedure rolls back, writes, and it returns', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await delivery.manager.query('CALL rolls_back_and_writes(?)', [paid.paymentId]);
      });
      expect(end).toEqual(failedTwice);
    });

    it('is torn when it switches autocommit on, which commits, and throws', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('SET autocommit = 1');
        throw new Error('the card printer is on fire');
      });
      expect(end).toEqual(torn());
    });

    it('takes another message of a torn one for a duplicate', async () => {
      const id = worker.newId();
      const first = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('COMMIT');
        throw new Error('the card printer is on fire');
      }, id);
      expect(first).toEqual(torn());
      await worker.publish(id);
      await worker.app.events('duplicate-absorbed', 1, ({ bizId }) => bizId === id);
      expect(await worker.app.dataSource.getRepository(CardRow).countBy({ paymentId: id })).toBe(1);
    });
  });
}
