import { engines } from '../support/engines.js';
import { forEngineOf } from '../support/postgres-words.js';
import {
  type Handler,
  effectOnce,
  hostileWorker,
  issueCard,
  servers,
  torn,
  runs,
} from '../support/hostile.js';

/** Property: what a handler set on its connection must not meet the next one, which may be anybody's. */

for (const engine of servers) {
  describe(`a handler that changes its session, on ${engine}`, () => {
    const worker = hostileWorker(engine, { dataSource: { multipleStatements: true } });
    const prefix = engine === 'mysql' ? 'transaction' : 'tx';
    const session = `SELECT @@autocommit AS autocommit, @@innodb_lock_wait_timeout AS lock_wait, @@sql_mode AS sql_mode,
      @@time_zone AS time_zone, @@character_set_client AS charset, @@${prefix}_isolation AS isolation,
      @@${prefix}_read_only AS read_only, DATABASE() AS db, @leftover AS variable, @@sql_select_limit AS select_limit, IS_USED_LOCK('mq_test') AS user_lock,
      (SELECT COUNT(*) FROM made_by_handler) AS made_by_handler`;
    const sessionOfHealthy = async () => {
      const seen: unknown[] = [];
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        seen.push((await delivery.manager.query(session))[0]);
      });
      expect(end).toEqual(effectOnce());
      return seen[0];
    };
    let untouched: unknown;

    beforeAll(async () => {
      // A temporary table of the same name would hide it.
      await worker.app.dataSource.query('CREATE TABLE made_by_handler (id INT)');
      await worker.app.dataSource.query('INSERT INTO made_by_handler (id) VALUES (1)');
      for (const procedure of [
        "changes() SET SESSION sql_mode = ''",
        "changes_and_answers() BEGIN SET SESSION sql_mode = ''; SELECT 1; END",
        'isolates_and_answers() BEGIN SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1; END',
        "locks() DO GET_LOCK('mq_test', 0)",
      ]) {
        await worker.app.dataSource.query(`CREATE PROCEDURE ${procedure}`);
      }
      untouched = await sessionOfHealthy();
    });

    it.each([
      'SET SESSION innodb_lock_wait_timeout = 1',
      "SET SESSION sql_mode = ''",
      "SET time_zone = '+05:00'",
      'SET NAMES latin1',
      'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
      'SET SESSION TRANSACTION READ ONLY',
      'SET @leftover = 1',
      "SELECT GET_LOCK('mq_test', 0)",
      'CREATE TEMPORARY TABLE made_by_handler (id INT)',
      'CALL changes()',
      'CALL changes_and_answers()',
      'CALL isolates_and_answers()',
      'CALL locks()',
      'SELECT @leftover := 5',
      'SELECT 5 INTO @leftover',
      "SET SESSION sql_mode = ''; SELECT 1",
      'SELECT 1; SET SESSION sql_select_limit = 1',
      `/* ${'x'.repeat(600)} */ SELECT GET_LOCK('mq_test', 0)`,
      "PREPARE leftover FROM 'SELECT 1'",
    ])('leaves nothing of it to the next handler: %s', async (sql) => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query(sql);
      });
      expect(end).toEqual(effectOnce());
      expect(await sessionOfHealthy()).toEqual(untouched);
    });

    it('leaves nothing to the next handler after LOCK TABLES, which commits, and is torn', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('LOCK TABLES card WRITE');
      });
      // The ACK is refused by the server, since its table isn't among those locked.
      expect(end).toEqual(torn());
      expect(await sessionOfHealthy()).toEqual(untouched);
    });

    it('leaves no read lock on everything to the next handler, after a comment, and is torn', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('/* as a whole */ FLUSH TABLES WITH READ LOCK');
      });
      // It commits, and then no table can be written, the deliveries neither.
      expect(end).toEqual(torn());
    });

    it('counts a failure when it changes the database, where the ACK finds no table', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        await delivery.manager.query('USE information_schema');
      });
      expect(end).toMatchObject({
        runs: runs(2),
        cards: 0,
        dedup: 0,
        deadLetters: [{ reason: 'failed', failures: 2 }],
      });
      expect(await sessionOfHealthy()).toEqual(untouched);
    });

    it('leaves nothing to the next handler after SET TRANSACTION, which counts for the next transaction', async () => {
      let attempt = 0;
      const end = await worker.meets(async (paid, delivery) => {
        if (++attempt > 1) return issueCard(paid, delivery);
        await delivery.manager.query('ROLLBACK');
        await delivery.manager.query('SET TRANSACTION READ ONLY');
      });
      expect(end).toEqual(effectOnce(2));
    });

    it('reuses the connection of a handler that left nothing behind', async () => {
      const ids = new Set<unknown>();
      for (let i = 0; i < 3; i++) {
        await worker.meets(async (paid, delivery) => {
          await issueCard(paid, delivery);
          const [{ id }] = await delivery.manager.query('SELECT CONNECTION_ID() AS id');
          ids.add(id);
        });
      }
      expect(ids.size).toBe(1);
    });
  });
}

describe('a handler that changes its connection, on sqlite', () => {
  const worker = hostileWorker('sqlite');
  const read = async (manager: { query(sql: string): Promise<Record<string, unknown>[]> }) => [
    await manager.query('PRAGMA recursive_triggers'),
    await manager.query("SELECT name FROM sqlite_temp_master WHERE type = 'table'"),
    await manager.query("SELECT 'a' LIKE 'A' AS alike"),
  ];

  it.each<[string, Handler]>([
    ['PRAGMA recursive_triggers = ON', (_, { manager }) => manager.query('PRAGMA recursive_triggers = ON')],
    ['PRAGMA case_sensitive_like = ON', (_, { manager }) => manager.query('PRAGMA case_sensitive_like = ON')],
    [
      'CREATE TEMP TABLE card',
      (_, { manager }) => manager.query('CREATE TEMP TABLE payment (paymentId TEXT)'),
    ],
  ])('leaves nothing of it to the next handler: %s', async (_, change) => {
    const seen: unknown[] = [];
    const look: Handler = async (paid, delivery) => {
      await issueCard(paid, delivery);
      seen.push(await read(delivery.manager));
    };
    await worker.meets(look);
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await change(paid, delivery);
    });
    expect(end).toEqual(effectOnce());
    await worker.meets(look);
    expect(seen[1]).toEqual(seen[0]);
  });
});

describe.each(engines)('subscribers of the app around the commit, on %s', (engine) => {
  const worker = hostileWorker(engine);

  it('have what they write before the commit committed with it, and none of it when they fail', async () => {
    const { dataSource } = worker.app;
    let isFailing = false;
    const subscriber = {
      beforeTransactionCommit: async ({
        manager,
      }: {
        manager: Parameters<typeof issueCard>[1]['manager'];
      }) => {
        if (manager.queryRunner!.data.isHandlers !== true) return;
        const sql = "INSERT INTO card (paymentId, issuedBy) VALUES ('audit', 'subscriber')";
        await manager.query(forEngineOf(manager, sql));
        if (isFailing) throw new Error('the audit log is full');
      },
    };
    dataSource.subscribers.push(subscriber);
    const handler: Handler = async (paid, delivery) => {
      await issueCard(paid, delivery);
      delivery.manager.queryRunner!.data.isHandlers = true;
    };
    const audits = async () =>
      Number((await dataSource.query("SELECT COUNT(*) AS n FROM card WHERE paymentId = 'audit'"))[0].n);
    try {
      expect(await worker.meets(handler)).toEqual(effectOnce());
      expect(await audits()).toBe(1);
      isFailing = true;
      expect(await worker.meets(handler)).toMatchObject({
        runs: runs(2),
        cards: 0,
        deadLetters: [{ reason: 'failed' }],
      });
      expect(await audits()).toBe(1);
    } finally {
      dataSource.subscribers.splice(dataSource.subscribers.indexOf(subscriber), 1);
    }
  });

  it('are refused what they write after the commit, which has happened all the same', async () => {
    const { dataSource } = worker.app;
    const refused: unknown[] = [];
    const subscriber = {
      afterTransactionCommit: async ({
        manager,
      }: {
        manager: Parameters<typeof issueCard>[1]['manager'];
      }) => {
        if (manager.queryRunner!.data.isHandlers !== true) return;
        await manager.query('SELECT 1').catch((error: unknown) => refused.push(error));
        throw new Error('the cache is gone');
      },
    };
    dataSource.subscribers.push(subscriber);
    try {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        delivery.manager.queryRunner!.data.isHandlers = true;
      });
      expect(end).toEqual(effectOnce());
      expect(refused).toEqual([expect.objectContaining({ code: 'SCOPE_DOOMED' })]);
    } finally {
      dataSource.subscribers.splice(dataSource.subscribers.indexOf(subscriber), 1);
    }
  });
});
