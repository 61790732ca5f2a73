import type { EntityManager, Logger } from 'typeorm';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { NOTHING, publishedRows } from '../topic/support/anything.js';
import { Noted, note, storedBizIds } from './support/published.js';

/** Hears of every statement on the app's own connections. */
class Statements implements Pick<Logger, 'logQuery'> {
  readonly sent: string[] = [];

  logQuery(sql: string): void {
    this.sent.push(sql.slice(0, 60));
  }

  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

const MANY = 12_000;
const ids = Array.from({ length: MANY }, (_, i) => `id-${i}`);

describe.each(engines)('publishAll of 12,000 messages, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  const statements = new Statements();

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { dataSource: { logging: ['query'], logger: statements } });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('takes a handful of statements, keeps their order, and reaches every group', async () => {
    const groups = [
      await app.broker.subscribe({ topic: Noted.name, group: 'one', version: 1 }),
      await app.broker.subscribe({ topic: Noted.name, group: 'two', version: 1 }),
    ];
    await app.dataSource.transaction(async (manager) => {
      statements.sent.length = 0;
      await app.outbox.publishAll(Noted, ids.map(note), { manager });
      // Twice two.
      expect(statements.sent.map((sql) => sql.split(' ')[0])).toEqual(Array(4).fill('INSERT'));
    });
    expect(await publishedRows(app)).toEqual({ message: MANY, delivery: 2 * MANY, parked: 0 });
    expect(await storedBizIds(app.dataSource)).toEqual(ids);
    for (const { id } of groups) {
      const rows = await app.dataSource.query<{ biz_id: Buffer }[]>(
        `SELECT m.biz_id FROM mq_delivery d JOIN mq_message m ON m.seq = d.seq
         WHERE d.subscription_id = ${id} ORDER BY d.seq`,
      );
      expect(rows.map((row) => row.biz_id.toString())).toEqual(ids);
    }
  });

  it('parks each of them when nobody has subscribed', async () => {
    await app.outbox.publishAll(Noted, ids.map(note), { standalone: true });
    expect(await publishedRows(app)).toEqual({ message: MANY, delivery: 0, parked: MANY });
    const subscription = await app.broker.subscribe({ topic: Noted.name, group: 'late', version: 1 });
    expect(subscription.group).toBe('late');
    expect((await publishedRows(app)).delivery).toBe(MANY);
  });

  it('publishes none of them when the last one can not be published', async () => {
    const withBad = [...ids.slice(0, -1), ''].map(note);
    await expect(app.outbox.publishAll(Noted, withBad, { standalone: true })).rejects.toThrow(
      'non-empty string',
    );
    const failing = app.dataSource.transaction(async (manager) => {
      await app.outbox.publishAll(Noted, ids.map(note), { manager });
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    expect(await publishedRows(app)).toEqual(NOTHING);
  });

  describe('when the database refuses one of them, and the caller goes on', () => {
    beforeEach(() =>
      app.dataSource.query(engine === 'sqlite' || engine === 'postgres' ? REFUSE[engine] : REFUSE.server),
    );

    const attempt = async (manager: EntityManager) => {
      const failing = app.outbox.publishAll(Noted, [...ids, 'refused'].map(note), { manager });
      await expect(failing).rejects.toThrow('refused by a trigger');
    };

    it('commits nothing of that transaction, whatever went on beside it', async () => {
      const transaction = app.dataSource.transaction(async (manager) => {
        await app.outbox.publish(Noted, note('before'), { manager });
        const beside = Array.from({ length: 8 }, (_, i) =>
          app.outbox.publish(Noted, note(`beside-${i}`), { manager }),
        );
        const after = () => app.outbox.publish(Noted, note('after'), { manager });
        if (engine === 'postgres') {
          // The error has aborted the transaction, which refuses all that comes behind it.
          await Promise.allSettled([attempt(manager), ...beside]);
          await expect(after()).rejects.toThrow('current transaction is aborted');
          return;
        }
        await Promise.all([attempt(manager), ...beside]);
        await after();
      });
      await expect(transaction).rejects.toMatchObject({
        code: 'PUBLISH_INCOMPLETE',
        message: expect.stringContaining('refused by a trigger'),
      });
      expect(await publishedRows(app)).toEqual(NOTHING);
    });

    it('commits the rest where it was in a nested transaction that rolled back', async () => {
      await app.dataSource.transaction(async (manager) => {
        await app.outbox.publish(Noted, note('before'), { manager });
        const nested = manager.transaction(async (inner) => {
          await attempt(inner);
          throw new Error('given up');
        });
        await expect(nested).rejects.toThrow('given up');
        await app.outbox.publish(Noted, note('after'), { manager });
      });
      expect(await storedBizIds(app.dataSource)).toEqual(['before', 'after']);
    });

    it('commits nothing where it was in a nested transaction that committed', async () => {
      const transaction = app.dataSource.transaction((manager) => manager.transaction(attempt));
      // There the end of the nested one is refused by the server itself.
      await expect(transaction).rejects.toMatchObject({
        code: engine === 'postgres' ? '25P02' : 'PUBLISH_INCOMPLETE',
      });
      expect(await publishedRows(app)).toEqual(NOTHING);
    });

    it('undoes the work of IdempotentExecutor that goes on', async () => {
      const run = app.executor.run({ scenario: 'import', bizId: 'I-1' }, attempt);
      await expect(run).rejects.toMatchObject({ code: 'SCOPE_DOOMED' });
      expect(await publishedRows(app)).toEqual(NOTHING);
    });
  });

  it('keeps two of them apart that nobody awaits one by one', async () => {
    await app.dataSource.transaction((manager) =>
      Promise.all([
        app.outbox.publishAll(Noted, ids.slice(0, 7_000).map(note), { manager }),
        app.outbox.publishAll(Noted, ids.map(note), { manager }),
      ]),
    );
    expect(await storedBizIds(app.dataSource)).toEqual([...ids.slice(0, 7_000), ...ids]);
  });
});

const REFUSE = {
  server: `CREATE TRIGGER refuse BEFORE INSERT ON mq_message FOR EACH ROW
    IF NEW.biz_id = 'refused' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused by a trigger'; END IF`,
  postgres: `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.biz_id = 'refused'::bytea THEN RAISE 'refused by a trigger'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON mq_message FOR EACH ROW EXECUTE FUNCTION refuse()`,
  sqlite: `CREATE TRIGGER refuse BEFORE INSERT ON mq_message WHEN CAST(NEW.biz_id AS TEXT) = 'refused'
    BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END`,
};
