import type { EntityManager } from 'typeorm';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';
import { countRows } from '../support/tables.js';

// Property: work that rolls its dedup row back and commits something else takes no second effect, however often it is called.

describeOnServers('work of IdempotentExecutor that rolls back and then commits, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [CardTable] });
    await app.dataSource.query('CREATE TABLE staging (id INT AUTO_INCREMENT PRIMARY KEY, n INT)');
    await app.dataSource.query(
      "CREATE PROCEDURE rolls_back_and_commits() BEGIN ROLLBACK; INSERT INTO card (paymentId, issuedBy) VALUES ('procedure', 'x'); COMMIT; END",
    );
    await app.dataSource.query(
      'CREATE PROCEDURE rolls_back_unseen() BEGIN ROLLBACK; INSERT INTO staging (n) VALUES (1); END',
    );
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const codeOf = (error: unknown) => (error as { code: unknown }).code;
  /** @returns what three calls end as, and how many cards there are then */
  const callsOf = async (bizId: string, work: (manager: EntityManager) => Promise<unknown>) => {
    const codes: unknown[] = [];
    for (let call = 1; call <= 3; call++) {
      codes.push(await app.executor.run({ scenario: 'refund', bizId }, work).then(() => 'done', codeOf));
    }
    const cards = await app.dataSource.getRepository(CardRow).countBy({ paymentId: bizId });
    const dedup = await countRows(
      app.dataSource,
      'dedup',
      `biz_id = x'${Buffer.from(bizId).toString('hex')}'`,
    );
    return { codes, cards, dedup };
  };
  const issue = (manager: EntityManager, paymentId: string) =>
    manager.insert(CardRow, { paymentId, issuedBy: 'executor' });

  it('is refused what follows its ROLLBACK, and leaves nothing', async () => {
    const end = await callsOf('plain', async (manager) => {
      await manager.query('ROLLBACK');
      await issue(manager, 'plain');
      await manager.query('COMMIT');
    });
    expect(end).toEqual({ codes: Array(3).fill('SCOPE_DOOMED'), cards: 0, dedup: 0 });
  });

  it('is torn, and never run again, where a procedure did it', async () => {
    const end = await callsOf('procedure', (manager) => manager.query('CALL rolls_back_and_commits()'));
    expect(end).toEqual({ codes: Array(3).fill('SCOPE_TORN'), cards: 1, dedup: 1 });
  });

  it('is torn, and not taken for done, when it is rolled back unseen after DDL', async () => {
    const end = await callsOf('lost', async (manager) => {
      await manager.query('TRUNCATE staging');
      await issue(manager, 'lost');
      await manager.query('CALL rolls_back_unseen()');
    });
    expect(end).toEqual({ codes: Array(3).fill('SCOPE_TORN'), cards: 0, dedup: 1 });
  });
});
