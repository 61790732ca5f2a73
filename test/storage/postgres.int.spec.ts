import { Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import {
  type LibraryConnections,
  databaseOf,
  findDurabilityProblems,
  openBrokerConnections,
} from '../../src/storage/index.js';
import { connect, tableNamesOf, tablesWith } from '../schema/support/tables-of.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';

const describeOnPostgres: (title: string, tests: () => void) => void = engines.includes('postgres')
  ? describe
  : (title) =>
      describe.skip(`${title} (no PostgreSQL was asked for)`, () => it('is not run', () => undefined));

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, { manager, group }: DeliveryContext): Promise<void> {
    await manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: group });
  }
}

@Injectable()
class Counting {
  readonly seen: string[] = [];

  @IdempotentConsumer(PaymentSucceeded, { group: 'counting' })
  async count({ paymentId }: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext): Promise<void> {
    this.seen.push(paymentId);
  }
}

// Property: what PostgreSQL does otherwise than MySQL is noticed where it would lose something.

describeOnPostgres("the library's own connections on PostgreSQL", () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let connections: LibraryConnections;

  const open = async () => {
    dataSource = await connect(database);
    connections = await openBrokerConnections(dataSource, databaseOf(dataSource), {
      scopeConnections: 1,
      controlConnections: 2,
      statementTimeoutMs: 2_000,
      writeWaitMs: 2_000,
      idleTimeoutSeconds: 60,
    });
  };

  beforeEach(async () => {
    database = await createDatabase('postgres');
    await open();
  });

  afterEach(async () => {
    await connections.close();
    await dataSource.destroy();
    await database.drop();
  });

  it('commit no transaction whose work has swallowed an error, where COMMIT would say nothing of that', async () => {
    await dataSource.query('CREATE TABLE noted (id INT PRIMARY KEY)');
    const work = connections.controlTransaction(async (on) => {
      await on.query('INSERT INTO noted VALUES (1)', [], true);
      await on.query('INSERT INTO noted VALUES (1)', [], true).catch(() => undefined);
    });
    await expect(work).rejects.toThrow(/duplicate key/);
    expect(await dataSource.query('SELECT id FROM noted')).toEqual([]);
  });

  it('run at READ COMMITTED, give up a lock after a second, and a statement when its time is over', async () => {
    const [settings] = await connections.control(
      async (on) =>
        (
          await on.query(
            `SELECT current_setting('transaction_isolation') AS isolation, current_setting('lock_timeout') AS lock,
                    current_setting('statement_timeout') AS statement`,
            [],
            true,
          )
        ).records as unknown[],
    );
    expect(settings).toEqual({ isolation: 'read committed', lock: '1s', statement: '2s' });
  });

  it.each(['synchronous_commit'])('tell of %s that is off for the database', async (setting) => {
    const problems = () => connections.control((on) => findDurabilityProblems(databaseOf(dataSource), on));
    expect(await problems()).toEqual([]);
    await connections.close();
    await dataSource.query(`ALTER DATABASE ${String(database.options.database)} SET ${setting} = off`);
    await dataSource.destroy();
    await open();
    expect(await problems()).toEqual([`${setting} must be on (it is off)`]);
  });
});

describeOnPostgres('an app on PostgreSQL', () => {
  let database: TestDatabase;
  const apps: TestApp[] = [];

  const start = async (...parts: Parameters<typeof startApp>) => {
    const app = await startApp(...parts);
    apps.push(app);
    return app;
  };

  beforeEach(async () => {
    database = await createDatabase('postgres');
  });

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    await database.drop();
  });

  it('is woken when another one publishes, long before it would look by itself', async () => {
    const consumer = await start(database, {
      entities: [CardTable],
      providers: [CardIssuing],
      options: { consumers: { pollMs: 3_600_000 } },
    });
    const publisher = await start(database, { entities: [CardTable] });
    const listening =
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'";
    await until('it listens', async () => (await publisher.dataSource.query(listening)).length > 0);
    for (const id of ['P-1', 'P-2', 'P-3']) {
      await publisher.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
      await consumer.events('acknowledged', 1, ({ bizId }) => bizId === id);
    }
  });

  it('has its tables in the schema of its DataSource, and only there', async () => {
    const root = await connect(database);
    await root.query('CREATE SCHEMA shop');
    const app = await start(database, {
      entities: [CardTable],
      providers: [CardIssuing],
      dataSource: { schema: 'shop' },
    });
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await app.events('message-dropped');
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
    const tables: { name: string }[] = await root.query(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1",
    );
    expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(tablesWith('mq_')));
    expect(await tableNamesOf(root)).toEqual([]);
    await root.destroy();
  });

  it('keeps biz-ids apart that hold a zero byte, which its texts can not', async () => {
    const app = await start(database, { entities: [CardTable], providers: [Counting] });
    for (const id of ['a', 'a\0', 'a\0b']) {
      await app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
    }
    await app.events('acknowledged', 3);
    expect(app.nest.get(Counting).seen.sort()).toEqual(['a', 'a\0', 'a\0b']);
  });
});
