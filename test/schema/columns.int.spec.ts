import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf, migrate } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { connect } from './support/tables-of.js';

const servers = engines.filter((engine) => engine !== 'sqlite');

@Injectable()
class Remembers {
  readonly seen: string[] = [];

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async remember(paid: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext) {
    this.seen.push(paid.paymentId);
  }
}

/** Alike, or too long, for one collation or character set or another. */
const LOOKALIKES = ['abc', 'ABC', 'ábc', 'abc ', '🙂', '🙃', '中文'];

const cases = servers.flatMap((engine) =>
  ['utf8mb4', 'latin1', 'utf8mb3'].map((charset) => [engine, charset] as const),
);

// The list is empty where the tests have no server, and Jest refuses an empty table.
(cases.length > 0 ? describe.each(cases) : describe.skip.each([['mysql', 'latin1'] as const]))(
  'on %s, in a database whose default is %s,',
  (engine, charset) => {
    let database: TestDatabase;

    beforeEach(async () => {
      database = await createDatabase(engine, charset);
    });

    afterEach(() => database.drop());

    it('every key is binary, no column has a collation, and every table is InnoDB', async () => {
      const dataSource = await connect(database);
      await migrate(dataSource);
      const columns: { name: string; type: string; collation: string | null }[] = await dataSource.query(
        `SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) AS name, COLUMN_TYPE AS type, COLLATION_NAME AS collation
           FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()`,
      );
      const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
      expect(types).toMatchObject({
        'mq_topic.name': 'varbinary(200)',
        'mq_subscription.group_name': 'varbinary(200)',
        'mq_message.inner_msg_id': 'binary(16)',
        'mq_message.biz_id': 'varbinary(255)',
        'mq_message.body': 'longblob',
        'mq_delivery.token': 'binary(16)',
        'mq_scenario.name': 'varbinary(500)',
        'mq_dedup.biz_id': 'varbinary(255)',
        'mq_dedup.token': 'binary(16)',
      });
      expect(columns.filter(({ collation }) => collation !== null)).toEqual([]);
      const engineNames = await dataSource.query(
        'SELECT DISTINCT ENGINE AS engine FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()',
      );
      expect(engineNames).toEqual([{ engine: 'InnoDB' }]);
      await dataSource.destroy();
    });

    it('biz-ids that a collation would take for one another all take effect', async () => {
      const app = await startApp(database, { providers: [Remembers] });
      const payments = LOOKALIKES.map(payment);
      await app.outbox.publishAll(PaymentSucceeded, payments, { standalone: true });
      await app.events('acknowledged', LOOKALIKES.length);
      expect(app.nest.get(Remembers).seen.sort()).toEqual([...LOOKALIKES].sort());
      await app.close();
    });
  },
);
