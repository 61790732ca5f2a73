import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf, migrate } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { connect, definitionsOf } from './support/tables-of.js';

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

const ON_MYSQL = ['utf8mb4', 'latin1', 'utf8mb3'];
const CHARSETS = { sqlite: ['UTF-8'], postgres: ['UTF8'], mysql: ON_MYSQL, mariadb: ON_MYSQL };

const cases = engines.flatMap((engine) => CHARSETS[engine].map((charset) => [engine, charset] as const));

const KEYS = {
  'mq_topic.name': 'varbinary(200)',
  'mq_subscription.group_name': 'varbinary(200)',
  'mq_message.inner_msg_id': 'binary(16)',
  'mq_message.biz_id': 'varbinary(255)',
  'mq_message.body': 'longblob',
  'mq_message.ordering_key': 'varbinary(255)',
  'mq_delivery.token': 'binary(16)',
  'mq_delivery_keyed.ordering_key': 'varbinary(255)',
  'mq_delivery_keyed.token': 'binary(16)',
  'mq_limited_lease.ordering_key': 'varbinary(255)',
  'mq_group_limit.group_name': 'varbinary(200)',
  'mq_limited_lease.group_name': 'varbinary(200)',
  'mq_limited_lease.token': 'binary(16)',
  'mq_scenario.name': 'varbinary(500)',
  'mq_scenario_source.broker': 'binary(16)',
  'mq_scenario_source.topic': 'varbinary(200)',
  'mq_scenario_source.group_name': 'varbinary(200)',
  'mq_scenario_contract.topic': 'varbinary(200)',
  'mq_scenario_contract.hash': 'binary(16)',
  'mq_dedup_kept.biz_id': 'varbinary(255)',
  'mq_dedup.biz_id': 'varbinary(255)',
  'mq_dedup.token': 'binary(16)',
  'mq_dedup.fingerprint': 'binary(16)',
  'mq_outbox.inner_msg_id': 'binary(16)',
  'mq_outbox.former_id': 'binary(16)',
  'mq_outbox.topic': 'varbinary(200)',
  'mq_outbox.biz_id': 'varbinary(255)',
  'mq_outbox.token': 'binary(16)',
  'mq_outbox_keyed.key_hash': 'binary(16)',
  'mq_outbox_keyed.ordering_key': 'varbinary(255)',
  'mq_outbox_scheduled.topic': 'varbinary(200)',
  'mq_outbox_scheduled.biz_id': 'varbinary(255)',
  'mq_outbox_origin.origin': 'binary(16)',
  'mq_accepted.inner_msg_id': 'binary(16)',
  'mq_accepted.body_hash': 'binary(16)',
  'mq_accepted_floor.floor': 'binary(16)',
  'mq_known_dedup.origin': 'binary(16)',
  'mq_known_origin.origin': 'binary(16)',
  'mq_quarantine.inner_msg_id': 'binary(16)',
  'mq_quarantine.topic': 'varbinary(200)',
  'mq_quarantine.ordering_key': 'varbinary(255)',
  'mq_quarantine.biz_id': 'varbinary(255)',
};

const eachIs = (type: string) => Object.fromEntries(Object.keys(KEYS).map((key) => [key, type]));

interface Column {
  name: string;
  type: string;
  collation: string | null;
}

const MYSQL_COLUMNS = `
  SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) AS name, COLUMN_TYPE AS type, COLLATION_NAME AS collation
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()`;
const SQLITE_COLUMNS = `
  SELECT t.name || '.' || c.name AS name, c.type AS type, NULL AS collation
    FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'`;

const POSTGRES_COLUMNS = `
  SELECT table_name || '.' || column_name AS name, data_type AS type, collation_name AS collation
    FROM information_schema.columns WHERE table_schema = current_schema()`;

const ON_SERVERS = { columns: MYSQL_COLUMNS, types: KEYS, definition: /ENGINE=InnoDB/ };
const EXPECTED = {
  mysql: ON_SERVERS,
  mariadb: ON_SERVERS,
  postgres: { columns: POSTGRES_COLUMNS, types: eachIs('bytea'), definition: /PRIMARY KEY/ },
  sqlite: { columns: SQLITE_COLUMNS, types: eachIs('BLOB'), definition: /PRIMARY KEY/ },
};

describe.each(cases)('on %s, in a database whose default is %s,', (engine, charset) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await emptyDatabase(engine, charset);
  });

  afterEach(() => database.drop());

  it('every key is binary, and no column has a collation', async () => {
    const dataSource = await connect(database);
    await migrate(dataSource);
    const expected = EXPECTED[engine];
    const columns: Column[] = await dataSource.query(expected.columns);
    const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject(expected.types);
    expect(columns.filter(({ collation }) => collation !== null)).toEqual([]);
    for (const definition of Object.values(await definitionsOf(dataSource))) {
      expect(definition).toMatch(expected.definition);
    }
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
});
