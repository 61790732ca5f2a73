import { createHash, randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { INestApplication, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AccountViews, Accounts } from '../../examples/readme/accounts.js';
import { AppModule } from '../../examples/readme/app.module.js';
import { BonusPoints } from '../../examples/readme/bonus-points.js';
import { CardPrinter } from '../../examples/readme/card-printer.js';
import { CardApp, PaymentApp } from '../../examples/readme/broker-by-url.js';
import { brokerDatabase, startBroker } from '../../examples/readme/broker-service.js';
import { CardSystem, PaymentSystem, broker } from '../../examples/readme/database-each.js';
import { Account, AccountView, Card, Payment, Points, Push } from '../../examples/readme/entities.js';
import migrationsDataSource from '../../examples/readme/migrations.js';
import { Operating } from '../../examples/readme/operating.js';
import { GoldCards } from '../../examples/readme/outcomes.js';
import { PaymentSucceeded } from '../../examples/readme/payment-succeeded.js';
import { PaymentsImport } from '../../examples/readme/payments-import.js';
import { Payments } from '../../examples/readme/payments.service.js';
import { ReminderDue, Reminders } from '../../examples/readme/reminders.js';
import { PointsEarned } from '../../examples/readme/points-earned.js';
import { Loyalty, PointsService } from '../../examples/readme/points.js';
import { Abroad, abroadModule } from '../../examples/readme/settings.js';
import { SmsGateway } from '../../examples/readme/sms-gateway.js';
import { WebhookController } from '../../examples/readme/webhook.controller.js';
import { IdempotentMqModule, OutboxPublisher, idempotentMqMigrations } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows, letPass } from '../support/tables.js';
import { codeBlocks, filesBelow, read } from './markdown.js';
import { eventsOf } from './seen-events.js';

/** The code of the README and of the guides is cut out of files in examples/, which run here. */
describe('the code of the README and of the guides', () => {
  const regions = [
    'readme',
    'testing',
    'contract',
    'dashboard',
    'transports',
    'anywhere',
    'event-pattern',
    'observability',
    'scaling',
    'tracing',
  ]
    .map((folder) => `examples/${folder}`)
    .flatMap(filesBelow)
    .flatMap(regionsOf);
  const documents = [
    'README.md',
    'docs/broker-as-a-service.md',
    'docs/changing-the-contract.md',
    'docs/dashboard.md',
    'docs/events.md',
    'docs/observability.md',
    'docs/operations.md',
    'docs/scaling.md',
    'docs/testing.md',
    'docs/tracing.md',
    'docs/transactions-of-other-libraries.md',
    'docs/transports.md',
  ];
  const blocks = documents.flatMap((path) => codeBlocks(read(path), 'ts'));

  it('is that of the regions of the examples, each shown once', () => {
    expect(blocks.length).toBeGreaterThan(5);
    expect([...blocks].sort()).toEqual([...regions].sort());
  });

  it('is the same in the Chinese README', () => {
    expect(codeBlocks(read('README-zh-CN.md'), 'ts')).toEqual(codeBlocks(read('README.md'), 'ts'));
  });
});

describe.each(engines)('the code of the README, on %s', (engine) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    await database.drop();
  });

  describe('the quick start', () => {
    let app: INestApplication;

    beforeEach(async () => {
      app = await startExample(AppModule, database);
    });

    afterEach(async () => {
      await app.close();
    });

    it('issues one card for a payment that is announced twice, and texts twice', async () => {
      const events = eventsOf(app);
      await app.get(Payments).charge('P-1', 'u-1', 900);
      await app
        .get(OutboxPublisher)
        .publish(PaymentSucceeded, { paymentId: 'P-1', userId: 'u-1', amount: 900 }, { standalone: true });
      await events.wait('duplicate-absorbed', 1);
      await events.wait('acknowledged', 3);
      expect(await app.get(DataSource).getRepository(Card).find()).toEqual([
        { id: 1, paymentId: 'P-1', userId: 'u-1' },
      ]);
      expect(app.get(SmsGateway).sent).toEqual(['u-1', 'u-1']);
    });

    it('announces no payment that was rolled back', async () => {
      await app.get(Payments).charge('P-2', 'u-1', 900);
      await expect(app.get(Payments).charge('P-2', 'u-1', 900)).rejects.toThrow();
      expect(await app.get(DataSource).getRepository(Payment).count()).toBe(1);
      const [{ n }] = await app.get(DataSource).query('SELECT COUNT(*) AS n FROM mq_message WHERE seq > 1');
      expect(Number(n)).toBe(0);
    });
  });

  it('credits points for a batch of payments, once each, and rejects the one that is worth nothing', async () => {
    const app = await startApp(database, { entities: [Points], providers: [BonusPoints] });
    try {
      const payments = [7, 0, 8, 7].map((amount) => ({ paymentId: `P-${amount}`, userId: 'u-1', amount }));
      await app.outbox.publishAll(PaymentSucceeded, payments, { standalone: true });
      expect(await app.events('dead-lettered')).toMatchObject([{ bizId: 'P-0', reason: 'rejected' }]);
      await app.events('acknowledged', 2);
      await app.events('duplicate-absorbed');
      const credited = await app.dataSource.getRepository(Points).find();
      expect(credited.map(({ points }) => points)).toEqual([7, 8]);
    } finally {
      await app.close();
    }
  });

  it('issues a card in one database for a payment in another, through a broker in a third', async () => {
    const of = { broker: await createDatabase(engine), cards: await createDatabase(engine) };
    // That of an environment variable which is not set here.
    delete (broker as { url?: string }).url;
    Object.assign(broker, of.broker.options);
    const payments = await startExample(PaymentSystem, database);
    const cards = await startExample(CardSystem, of.cards);
    try {
      const events = eventsOf(cards);
      await payments.get(Payments).charge('P-1', 'u-1', 900);
      await events.wait('acknowledged', 1);
      expect(await payments.get(DataSource).getRepository(Payment).find()).toMatchObject([{ id: 'P-1' }]);
      expect(await cards.get(DataSource).getRepository(Card).find()).toMatchObject([{ paymentId: 'P-1' }]);
      expect(await payments.get(DataSource).getRepository(Card).count()).toBe(0);
    } finally {
      await cards.close();
      await payments.close();
      await of.cards.drop();
      await of.broker.drop();
    }
  });

  it('issues a card through a broker that is a service, mounted in an app, with a token for each side', async () => {
    const of = { broker: await createDatabase(engine), cards: await createDatabase(engine) };
    delete (brokerDatabase as { url?: string }).url;
    Object.assign(brokerDatabase, of.broker.options);
    const [payer, issuer, operator] = ['payments', 'cards', 'operators'].map((name) => {
      const token = randomBytes(32).toString('hex');
      const sha256 = createHash('sha256').update(token).digest('hex');
      process.env[`${name.toUpperCase()}_TOKEN_SHA256`] = sha256;
      return token;
    });
    const service = await startBroker(0);
    const apps: INestApplication[] = [];
    const { port } = service.getHttpServer().address() as AddressInfo;
    process.env.BROKER_URL = `http://127.0.0.1:${port}/idempotent-mq`;
    try {
      process.env.BROKER_TOKEN = payer;
      apps.push(await startExample(PaymentApp, database));
      process.env.BROKER_TOKEN = issuer;
      apps.push(await startExample(CardApp, of.cards));
      const [payments, cards] = apps as [INestApplication, INestApplication];
      const events = eventsOf(cards);
      await payments.get(Payments).charge('P-1', 'u-1', 900);
      await events.wait('acknowledged', 1);
      expect(await cards.get(DataSource).getRepository(Card).find()).toMatchObject([{ paymentId: 'P-1' }]);
      const asked = await fetch(`${process.env.BROKER_URL}/v1/administer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${operator}` },
        body: JSON.stringify({ call: 'groups.list' }),
      });
      expect(await asked.json()).toMatchObject({
        result: [{ group: 'card-issuing', ready: 0, inFlight: 0 }],
      });
    } finally {
      for (const app of apps.reverse()) await app.close();
      await service.close();
      await of.cards.drop();
      await of.broker.drop();
    }
  });

  describe('the other examples', () => {
    let app: TestApp;

    beforeEach(async () => {
      app = await startApp(database, {
        entities: [Card, Payment, Points, Account, AccountView],
        providers: [
          ...[PointsService, Loyalty, GoldCards, CardPrinter, Operating, PaymentsImport, Reminders],
          ...[Accounts, AccountViews],
        ],
      });
    });

    afterEach(async () => {
      await app.close();
    });

    const paid = (amount: number, paymentId = 'P-1') =>
      app.outbox.publish(PaymentSucceeded, { paymentId, userId: 'u-1', amount }, { standalone: true });

    it('lets a service write, and a handler publish, in the transaction of the delivery', async () => {
      await app.broker.subscribe({ topic: PointsEarned.name, group: 'newsletter', version: 1 });
      await paid(7);
      await app.events('acknowledged', 1, ({ group }) => group === 'loyalty');
      expect(await app.dataSource.getRepository(Points).find()).toEqual([
        { id: 1, userId: 'u-1', points: 7 },
      ]);
      const [{ n }] = await app.dataSource.query(
        'SELECT COUNT(*) AS n FROM mq_message m JOIN mq_topic t ON t.id = m.topic_id WHERE t.name = ?',
        [Buffer.from(PointsEarned.name)],
      );
      expect(Number(n)).toBe(1);
    });

    it('publishes a whole import with its rows', async () => {
      const payments = ['P-1', 'P-2', 'P-3'].map((id) => ({ id, userId: 'u-1', amount: 7 }));
      await app.nest.get(PaymentsImport).importAll(payments);
      await app.events('acknowledged', 3, ({ group }) => group === 'loyalty');
      expect(await app.dataSource.getRepository(Payment).count()).toBe(3);
      expect(await app.dataSource.getRepository(Points).count()).toBe(3);
    });

    it('lets the service write by itself where there is no handler', async () => {
      await app.nest.get(PointsService).add('u-2', 3);
      expect(await app.dataSource.getRepository(Points).countBy({ userId: 'u-2' })).toBe(1);
    });

    it('sends what the handler rejects to the dead letters at once', async () => {
      await paid(0);
      const [dead] = await app.events('dead-lettered', 1, ({ group }) => group === 'gold-cards');
      expect(dead).toMatchObject({ reason: 'rejected', bizId: 'P-1' });
    });

    it('puts off what the handler wants later, at no cost', async () => {
      app.nest.get(CardPrinter).busy = true;
      await paid(7);
      const [put] = await app.events('retry-scheduled', 1, ({ group }) => group === 'gold-cards');
      expect(put).toMatchObject({ failures: 0, delayMs: 30_000 });
    });

    it('holds a group up, and gives it what failed and what came when it goes on', async () => {
      app.nest.get(CardPrinter).isBusy = () => {
        throw new Error('out of paper');
      };
      await paid(7);
      await app.events('dead-lettered', 1, ({ reason }) => reason === 'failed');
      await paid(0, 'P-2');
      await app.events('dead-lettered', 1, ({ reason }) => reason === 'rejected');
      await app.nest.get(Operating).closeCardPrinting();
      await paid(7, 'P-3');
      app.nest.get(CardPrinter).isBusy = () => false;
      await app.nest.get(Operating).reopenCardPrinting();
      await app.events('acknowledged', 2, ({ group }) => group === 'gold-cards');
      expect(await app.dataSource.getRepository(Card).count()).toBe(2);
      expect(await app.nest.get(Operating).forgetRejected()).toBe(1);
      expect(await app.broker.deadLetters.list()).toEqual([]);
    });

    it('holds a group to what its printer can take', async () => {
      await app.nest.get(Operating).sparePrinter();
      const limits = { concurrency: 2, perSecond: 0.5 };
      expect(await app.broker.groups.list()).toMatchObject(
        expect.arrayContaining([expect.objectContaining({ group: 'gold-cards', limits })]),
      );
      await paid(7);
      await app.events('acknowledged', 1, ({ group }) => group === 'gold-cards');
    });

    it('shows the newest status of an account, whatever comes in between', async () => {
      await app.dataSource.getRepository(Account).insert({ id: 'A-1', status: 'new' });
      await app.dataSource.getRepository(AccountView).insert({ id: 'A-1', status: 'new' });
      const statuses = ['open', 'frozen', 'open', 'frozen', 'closed'];
      for (const [i, status] of statuses.entries()) {
        await app.nest.get(Accounts).change({ changeId: `C-${i}`, account: 'A-1', status });
      }
      await app.events('acknowledged', statuses.length, ({ group }) => group === 'account-views');
      expect(await app.dataSource.getRepository(AccountView).find()).toEqual([
        { id: 'A-1', status: 'closed' },
      ]);
    });

    it('reminds a day later, unless the order was paid, and not when it is too late', async () => {
      const reminders = app.nest.get(Reminders);
      const due = await app.broker.subscribe({ topic: ReminderDue.name, group: 'reminders', version: 1 });
      for (const id of ['O-1', 'O-2']) {
        await app.dataSource.transaction((manager) => reminders.ordered(id, manager));
      }
      await app.dataSource.transaction((manager) => reminders.paid('O-1', manager));
      expect(await countRows(app.dataSource, 'waiting', `subscription_id = ${due.id}`)).toBe(1);
      expect((await app.broker.poll(due, 0)).claimable).toBe(false);
      await letPass(app.dataSource, 24 * 3_600_000);
      expect((await app.broker.poll(due, 0)).claimable).toBe(true);
    });
  });

  it('takes options from a class, and tells instances apart', async () => {
    const testing = await Test.createTestingModule({
      imports: [TypeOrmModule.forRoot({ ...database.options, name: 'far' }), abroadModule()],
      providers: [Abroad],
    }).compile();
    const app = await testing.init();
    try {
      const { outbox, broker } = app.get(Abroad);
      await broker.subscribe({ topic: ReminderDue.name, group: 'reminders', version: 1 });
      await outbox.publish(ReminderDue, { orderId: 'O-1' }, { standalone: true });
      expect(await broker.groups.list()).toEqual([expect.objectContaining({ ready: 1 })]);
    } finally {
      await app.close();
    }
  });

  it('takes a webhook in once, however often it is sent', async () => {
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...database.options, entities: [Push], synchronize: true }),
        IdempotentMqModule.forRoot({ schema: 'ensure' }),
      ],
      controllers: [WebhookController],
    }).compile();
    const app = testing.createNestApplication();
    try {
      await app.listen(0, '127.0.0.1');
      const { port } = app.getHttpServer().address() as AddressInfo;
      const post = () =>
        fetch(`http://127.0.0.1:${port}/webhooks/github`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-github-delivery': 'd-1' },
          body: JSON.stringify({ ref: 'main' }),
        }).then(async (response) => (await response.json()) as { accepted: string; repeated: boolean });
      const nameless = await fetch(`http://127.0.0.1:${port}/webhooks/github`, { method: 'POST' });
      expect(nameless.status).toBe(400);
      const answers = [...(await Promise.all([post(), post(), post()])), await post()];
      expect(answers.map(({ accepted }) => accepted)).toEqual(['main', 'main', 'main', 'main']);
      expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
      expect(await app.get(DataSource).getRepository(Push).count()).toBe(1);
    } finally {
      await app.close();
    }
  });

  it("makes the tables through the app's own migrations", async () => {
    expect(migrationsDataSource.options.migrations).toHaveLength(idempotentMqMigrations().length + 1);
    const dataSource = await new DataSource({
      ...database.options,
      migrations: idempotentMqMigrations(),
    }).initialize();
    try {
      await dataSource.runMigrations();
      expect(await dataSource.query('SELECT MAX(version) AS version FROM mq_schema_version')).toMatchObject([
        { version: expect.anything() },
      ]);
    } finally {
      await dataSource.destroy();
    }
  });
});

/** An example's module to the letter, but for the database. */
async function startExample(module: Type, database: TestDatabase): Promise<INestApplication> {
  const testing = await Test.createTestingModule({ imports: [module] })
    .overrideProvider(getDataSourceToken())
    .useFactory({
      factory: () =>
        new DataSource({ ...database.options, entities: [Payment, Card], synchronize: true }).initialize(),
    })
    .compile();
  return testing.createNestApplication().init();
}

/** What stands between `// #region` and `// #endregion`, as a user of the package would write it. */
function regionsOf(path: string): string[] {
  const regions = read(path).matchAll(/^( *)\/\/ #region .*\n([\s\S]*?)^ *\/\/ #endregion/gm);
  return [...regions].map(([, indent, text]) =>
    text!
      .replace(new RegExp(`^${indent}`, 'gm'), '')
      .replaceAll(`'../../src/index.js'`, `'nestjs-idempotent-mq'`)
      .replaceAll(/'\.\.\/\.\.\/src\/([a-z]+)\/index\.js'/g, `'nestjs-idempotent-mq/$1'`),
  );
}
