import { Injectable } from '@nestjs/common';
import { DefaultNamingStrategy } from 'typeorm';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type AppParts, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { startOn } from './support/start-on.js';
import { connect, count, tableNamesOf, tablesWith } from './support/tables-of.js';

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, { manager, group }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: group });
  }
}

class TheHouseStyle extends DefaultNamingStrategy {
  override tableName(targetName: string, userSpecifiedName: string | undefined) {
    return `${super.tableName(targetName, userSpecifiedName)}_tbl`;
  }

  override prefixTableName(prefix: string, tableName: string) {
    return `${prefix}__${tableName}`;
  }
}

interface Naming {
  dataSource?: object;
  tablePrefix?: string;
  prefix: string;
  suffix?: string;
}

const namings: [string, Naming][] = [
  ['neither prefix', { prefix: 'mq_' }],
  ["the app's entityPrefix", { dataSource: { entityPrefix: 'shop_' }, prefix: 'shop_mq_' }],
  ['a tablePrefix', { tablePrefix: 'queue_', prefix: 'queue_' }],
  ['both', { dataSource: { entityPrefix: 'shop_' }, tablePrefix: 'queue_', prefix: 'shop_queue_' }],
  [
    'a naming strategy of the app',
    { dataSource: { namingStrategy: new TheHouseStyle() }, prefix: 'mq_', suffix: '_tbl' },
  ],
  [
    'a naming strategy, its prefix and a tablePrefix',
    {
      dataSource: { namingStrategy: new TheHouseStyle(), entityPrefix: 'shop' },
      tablePrefix: 'queue_',
      prefix: 'shop__queue_',
      suffix: '_tbl',
    },
  ],
];

describe.each(engines)("the tables' names on %s", (engine) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await emptyDatabase(engine);
  });

  afterEach(() => database.drop());

  it.each(namings)('follow %s, and a payment gets its card through them', async (_, naming) => {
    const { dataSource, tablePrefix, prefix, suffix = '' } = naming;
    const parts: AppParts = {
      entities: [PaymentTable, CardTable],
      providers: [CardIssuing],
      options: tablePrefix === undefined ? {} : { tablePrefix },
    };
    const app = await startApp(database, { ...parts, ...(dataSource && { dataSource }) });
    const ours = tablesWith(prefix, suffix);
    expect(await tableNamesOf(app.dataSource)).toEqual(expect.arrayContaining(ours));
    expect(await tableNamesOf(app.dataSource)).toHaveLength(ours.length + 2);
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await app.events('acknowledged');
    await app.events('message-dropped');
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
    expect(await count(app.dataSource, `${prefix}message${suffix}`)).toBe(0);
    expect(await count(app.dataSource, `${prefix}dedup${suffix}`)).toBe(1);
    await app.close();
  });

  it.each(['', '1mq_', 'mq-', 'mq_`; DROP TABLE payment', 'mq.', 'ü_', 'x'.repeat(32)])(
    'refuse the tablePrefix %j, naming it',
    async (tablePrefix) => {
      const dataSource = await connect(database);
      const start = startOn(dataSource, { schema: 'ensure', tablePrefix });
      await expect(start).rejects.toMatchObject({ code: 'OPTIONS_INVALID', option: 'tablePrefix' });
      await expect(start).rejects.toThrow(`(got the string ${JSON.stringify(tablePrefix)})`);
      expect(await tableNamesOf(dataSource)).toEqual([]);
      await dataSource.destroy();
    },
  );
});
