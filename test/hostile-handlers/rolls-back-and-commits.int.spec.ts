import {
  type End,
  type Handler,
  effectOnce,
  failedTwice,
  hostileWorker,
  issueCard,
  describeOnServers,
  torn,
} from '../support/hostile.js';

/** Property: who rolls the dedup row back and commits something else has no second effect, and who did commit is Torn. */

describeOnServers('a handler that rolls back and then commits, on %s', (engine) => {
  const worker = hostileWorker(engine, { dataSource: { multipleStatements: true } });
  /** Its card is there, and no dedup row that would say so. */
  const tornWithoutDedup: End = { ...torn(), dedup: 0 };

  beforeAll(async () => {
    const { dataSource } = worker.app;
    const card = (issuedBy: string) => `INSERT INTO card (paymentId, issuedBy) VALUES (id, '${issuedBy}')`;
    await dataSource.query(
      `CREATE PROCEDURE rolls_back_and_commits(id VARCHAR(99)) BEGIN ROLLBACK; ${card('after')}; COMMIT; END`,
    );
    await dataSource.query(
      `CREATE PROCEDURE logs_its_failure(id VARCHAR(99)) BEGIN
           DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; ${card('log')}; COMMIT; END;
           INSERT INTO card (no_such_column) VALUES (1);
         END`,
    );
  });

  const sends =
    (before: string[], after: string[], last: () => void = () => undefined): Handler =>
    async (paid, delivery) => {
      for (const sql of before) await delivery.manager.query(sql);
      await issueCard(paid, delivery);
      for (const sql of after) await delivery.manager.query(sql);
      last();
    };
  const throws = () => {
    throw new Error('the card printer is on fire');
  };

  it.each<[string, Handler]>([
    ['ROLLBACK, COMMIT', sends(['ROLLBACK'], ['COMMIT'])],
    ['ROLLBACK, COMMIT, and throws', sends(['ROLLBACK'], ['COMMIT'], throws)],
    ['a ROLLBACK behind a comment', sends(['/* back */ rollback work'], ['COMMIT'])],
    ['ROLLBACK, START TRANSACTION, COMMIT', sends(['ROLLBACK', 'START TRANSACTION'], ['COMMIT'])],
    ['ROLLBACK AND CHAIN, COMMIT AND CHAIN', sends(['ROLLBACK AND CHAIN'], ['COMMIT AND CHAIN'])],
    ['ROLLBACK, and DDL', sends(['ROLLBACK'], ['CREATE TABLE IF NOT EXISTS made_by_handler (id INT)'])],
    ['ROLLBACK, and switches autocommit on', sends(['ROLLBACK'], ['SET autocommit = 1'])],
  ])('is refused what follows its rollback, and leaves nothing: %s', async (_, handler) => {
    expect(await worker.meets(handler)).toEqual(failedTwice);
  });

  it.each<[string, Handler]>([
    [
      'a procedure',
      ({ paymentId }, { manager }) => manager.query('CALL rolls_back_and_commits(?)', [paymentId]),
    ],
    [
      'a procedure whose exit handler logs',
      ({ paymentId }, { manager }) => manager.query('CALL logs_its_failure(?)', [paymentId]),
    ],
    [
      'several statements in one query',
      ({ paymentId }, { manager }) =>
        manager.query(
          `ROLLBACK; INSERT INTO card (paymentId, issuedBy) VALUES ('${paymentId}', 'x'); COMMIT; SELECT 1`,
        ),
    ],
    [
      'statements that do not wait for each other',
      ({ paymentId }, { manager }) =>
        Promise.all([
          manager.query('ROLLBACK'),
          manager.query("INSERT INTO card (paymentId, issuedBy) VALUES (?, 'x')", [paymentId]),
          manager.query('COMMIT'),
        ]),
    ],
  ])('is torn at once, and never run again, where the server ran it all: %s', async (_, handler) => {
    expect(await worker.meets(handler)).toEqual(tornWithoutDedup);
  });

  it('is torn when a procedure rolls back, which nobody can tell from one that committed something else', async () => {
    await worker.app.dataSource.query('CREATE PROCEDURE rolls_back() ROLLBACK');
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await delivery.manager.query('CALL rolls_back()');
    });
    expect(end).toEqual({ ...tornWithoutDedup, cards: 0 });
  });
});

describeOnServers(
  'a handler whose transaction is rolled back unseen after it had committed, on %s',
  (engine) => {
    const worker = hostileWorker(engine, { dataSource: { multipleStatements: true } });
    const lost = torn({ cards: 0 });

    beforeAll(async () => {
      const { dataSource } = worker.app;
      await dataSource.query('CREATE TABLE staging (id INT AUTO_INCREMENT PRIMARY KEY, n INT)');
      await dataSource.query('CREATE TABLE locked (id INT PRIMARY KEY, n INT)');
      await dataSource.query('INSERT INTO locked VALUES (1, 0), (2, 0)');
      await dataSource.query(
        'CREATE PROCEDURE rolls_back_unseen() BEGIN ROLLBACK; INSERT INTO staging (n) VALUES (1); END',
      );
      await dataSource.query(
        `CREATE PROCEDURE swallows(i INT) BEGIN
           DECLARE CONTINUE HANDLER FOR 1213 BEGIN END;
           UPDATE locked SET n = n + 1 WHERE id = i;
         END`,
      );
    });

    it.each([
      'TRUNCATE staging',
      'COMMIT',
      'COMMIT AND CHAIN',
      'START TRANSACTION',
      '-- anew\n/*! begin */',
      'SELECT 1; BEGIN; SELECT 2',
    ])('is torn, not acknowledged: after %j', async (sql) => {
      const end = await worker.meets(async (paid, delivery) => {
        await delivery.manager.query(sql);
        await issueCard(paid, delivery);
        await delivery.manager.query('CALL rolls_back_unseen()');
      });
      expect(end).toEqual(lost);
    });

    it('is torn, not acknowledged, when it sends ROLLBACK after DDL and goes on', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await delivery.manager.query('TRUNCATE staging');
        await issueCard(paid, delivery);
        await delivery.manager.query('ROLLBACK');
        await delivery.manager.query('INSERT INTO staging (n) VALUES (1)').catch(() => undefined);
      });
      expect(end).toEqual(lost);
    });

    it('is torn, not acknowledged, when what it sent beside its COMMIT is rolled back', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await Promise.all([
          delivery.manager.query('COMMIT'),
          delivery.manager.query("INSERT INTO card (paymentId, issuedBy) VALUES (?, 'x')", [paid.paymentId]),
          delivery.manager.query('CALL rolls_back_unseen()'),
        ]);
      });
      expect(end).toEqual(lost);
    });

    it('is torn, not acknowledged, when a procedure swallows a deadlock after DDL', async () => {
      const other = await worker.connect();
      try {
        const end = await worker.meets(async (paid, { manager }) => {
          await manager.query('TRUNCATE staging');
          await issueCard(paid, { manager });
          // Heavier, so that the handler is the victim.
          await other.query('START TRANSACTION');
          for (let i = 0; i < 50; i++) await other.query('INSERT INTO staging (n) VALUES (1), (2), (3)');
          await other.query('UPDATE locked SET n = n + 1 WHERE id = 2');
          await manager.query('UPDATE locked SET n = n + 1 WHERE id = 1');
          const waits = other.query('UPDATE locked SET n = n + 1 WHERE id = 1');
          await manager.query('CALL swallows(2)');
          await waits;
          await other.query('ROLLBACK');
        });
        expect(end).toEqual(lost);
      } finally {
        await other.end();
      }
    });

    it('takes effect once when it commits several times and finishes', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await delivery.manager.query('COMMIT');
        await delivery.manager.query('TRUNCATE staging');
        await issueCard(paid, delivery);
        await delivery.manager.query('START TRANSACTION');
        await delivery.manager.transaction((nested) => nested.query('INSERT INTO staging (n) VALUES (1)'));
        await delivery.manager.query('COMMIT');
      });
      expect(end).toEqual(effectOnce());
    });
  },
);
