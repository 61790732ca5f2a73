import type { EntityManager } from 'typeorm';
import { TransactionEndedError } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentRow, PaymentTable } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { NOTHING, publishedRows } from '../topic/support/anything.js';
import { sessionsBeginWith } from '../topic/support/hostile-data-sources.js';
import { Noted, note, orphans, storedBizIds } from './support/published.js';

type Ending = (app: TestApp, manager: EntityManager) => Promise<unknown>;

/** What ends a transaction without its code noticing. */
const ENDINGS: Record<'sqlite' | 'server' | 'postgres', [string, Ending][]> = {
  // Neither an error nor DDL ends one there.
  postgres: [
    ['a raw COMMIT', (_, manager) => manager.query('COMMIT')],
    ['a raw ROLLBACK', (_, manager) => manager.query('ROLLBACK')],
  ],
  server: [
    ['a deadlock that was swallowed', swallowedDeadlock],
    ['a raw COMMIT', (_, manager) => manager.query('COMMIT')],
    ['a raw ROLLBACK', (_, manager) => manager.query('ROLLBACK')],
    ['DDL', (_, manager) => manager.query('CREATE TABLE surprise (id INT)')],
  ],
  sqlite: [
    ['a conflict that rolls back and was swallowed', swallowedConflict],
    ['a raw COMMIT', (_, manager) => manager.query('COMMIT')],
    ['a raw ROLLBACK', (_, manager) => manager.query('ROLLBACK')],
  ],
};

/** Two transactions that wait for each other; the one with fewer changes, which is this one, is rolled back. */
async function swallowedDeadlock(app: TestApp, manager: EntityManager): Promise<void> {
  const change = (on: EntityManager, paymentId: string) =>
    on.update(PaymentRow, { paymentId }, { amount: () => 'amount + 1' });
  await app.dataSource.transaction(async (other) => {
    for (let i = 0; i < 20; i++) await change(other, `heavy-${i}`);
    await change(manager, 'light');
    const outcomes = await Promise.allSettled([change(manager, 'heavy-0'), change(other, 'light')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(outcomes[0]).toMatchObject({ reason: { driverError: { errno: 1213 } } });
  });
}

async function swallowedConflict(_app: TestApp, manager: EntityManager): Promise<void> {
  const conflict = manager.query(`INSERT OR ROLLBACK INTO payment ("paymentId", amount) VALUES ('light', 1)`);
  await expect(conflict).rejects.toThrow('UNIQUE');
}

const paymentsToCollide = [...Array.from({ length: 20 }, (_, i) => `heavy-${i}`), 'light'].map(
  (paymentId) => ({
    paymentId,
    amount: 1,
  }),
);

const cases = engines.flatMap((engine) =>
  ENDINGS[engine === 'sqlite' || engine === 'postgres' ? engine : 'server'].map(([what, end]) => ({
    engine,
    what,
    end,
  })),
);

describe.each(cases)('after $what, on $engine', ({ engine, end }) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [PaymentTable] });
    await app.broker.subscribe({ topic: Noted.name, group: 'reader', version: 1 });
    await app.dataSource.manager.insert(PaymentRow, paymentsToCollide);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it.each([
    ['one message', ['a']],
    ['many messages', ['a', 'b', 'c']],
  ])('%s is not published outside of the transaction that the code believes to be in', async (_, ids) => {
    let refused: unknown;
    await app.dataSource
      .transaction(async (manager) => {
        await app.outbox.publish(Noted, note('before'), { manager });
        await end(app, manager);
        await app.outbox
          .publishAll(Noted, ids.map(note), { manager })
          .catch((error: unknown) => (refused = error));
      })
      .catch(() => undefined);
    expect(refused).toBeInstanceOf(TransactionEndedError);
    expect((refused as Error).message).toMatch(/^publishAll\(\) was to join a transaction that is over: /);
    expect(await storedBizIds(app.dataSource)).not.toContain('a');
    expect(await orphans(app.dataSource)).toEqual({ deliveries: 0, parked: 0 });
  });
});

describe.each(engines)('a publish that nobody awaited, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [PaymentTable] });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  /** Lets the microtasks and answers of so many turns pass. */
  async function turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  it.each(['no group', 'a group'])(
    'is whole or not there, and says so, wherever the end overtakes it, with %s',
    async (groups) => {
      if (groups === 'a group') {
        await app.broker.subscribe({ topic: Noted.name, group: 'reader', version: 1 });
      }
      const outcomes = new Map<string, boolean>();
      for (let i = 0; i < 30; i++) {
        const id = `${i % 2 ? 'rollback' : 'commit'}-${i}`;
        let published: Promise<boolean> | undefined;
        await app.dataSource
          .transaction(async (manager) => {
            await manager.query('SELECT 1');
            published = app.outbox.publish(Noted, note(id), { manager }).then(
              () => true,
              (error: unknown) => {
                expect(error).toBeInstanceOf(TransactionEndedError);
                return false;
              },
            );
            await turns(Math.floor(i / 2) % 8);
            if (i % 2) throw new Error('rolled back');
          })
          .catch((error: Error) => expect(error.message).toBe('rolled back'));
        outcomes.set(id, await published!);
      }
      await app.broker.sweep();
      const stored = await storedBizIds(app.dataSource);
      const expected = [...outcomes]
        .filter(([id, done]) => done && id.startsWith('commit'))
        .map(([id]) => id);
      expect(stored.sort()).toEqual(expected.sort());
      expect(await orphans(app.dataSource)).toEqual({ deliveries: 0, parked: 0 });
    },
  );

  it('is whole or not there when a nested transaction begins and is undone meanwhile', async () => {
    await app.broker.subscribe({ topic: Noted.name, group: 'reader', version: 1 });
    for (let i = 0; i < 16; i++) {
      await app.dataSource.transaction(async (manager) => {
        const published = app.outbox.publish(Noted, note(`n-${i}`), { manager });
        await turns(i % 8);
        await manager
          .transaction(async (nested) => {
            await nested.query('SELECT 1');
            throw new Error('undone');
          })
          .catch(() => undefined);
        await published;
      });
    }
    const { message, delivery } = await publishedRows(app);
    expect(delivery).toBe(message);
    expect(await orphans(app.dataSource)).toEqual({ deliveries: 0, parked: 0 });
  });

  it('fails when it comes after the end', async () => {
    for (const failure of [undefined, new Error('rolled back')]) {
      let late: Promise<void> | undefined;
      let ended!: () => void;
      const end = new Promise<void>((resolve) => (ended = resolve));
      await app.dataSource
        .transaction(async (manager) => {
          late = end.then(() => app.outbox.publish(Noted, note('late'), { manager }));
          if (failure) throw failure;
        })
        .catch(() => undefined);
      ended();
      await expect(late).rejects.toThrow(TransactionEndedError);
    }
    expect(await publishedRows(app)).toEqual(NOTHING);
  });
});

describe.each(engines.filter((engine) => engine !== 'postgres'))(
  'in a session with autocommit off, where there is such a thing, on %s',
  (engine) => {
    it('nothing is published after an error that ended the transaction and was swallowed', async () => {
      const database = await createDatabase(engine);
      const isSqlite = engine === 'sqlite';
      const dataSource = isSqlite ? {} : sessionsBeginWith('SET autocommit = 0');
      const app = await startApp(database, { entities: [PaymentTable], dataSource });
      await app.dataSource.transaction((manager) => manager.insert(PaymentRow, paymentsToCollide));
      await app.dataSource
        .transaction(async (manager) => {
          await manager.insert(PaymentRow, { paymentId: 'business', amount: 1 });
          await (isSqlite ? swallowedConflict : swallowedDeadlock)(app, manager);
          await expect(app.outbox.publish(Noted, note('a'), { manager })).rejects.toThrow(
            TransactionEndedError,
          );
        })
        // SQLite has nothing left to commit, and says so.
        .catch((error: Error) =>
          expect(isSqlite && error.message).toMatch(/no transaction is active|is over/),
        );
      expect(await publishedRows(app)).toEqual(NOTHING);
      await app.dataSource.transaction((manager) => app.outbox.publish(Noted, note('next'), { manager }));
      expect(await publishedRows(app)).toEqual({ ...NOTHING, message: 1, parked: 1 });
      await app.close();
      await database.drop();
    });
  },
);
