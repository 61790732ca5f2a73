import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  ClaimAnswerEntity,
  DeadLetterEntity,
  DedupEntity,
  DeliveryContext,
  DeliveryEntity,
  DeliveryKeyedEntity,
  GroupLimitEntity,
  IdempotentConsumer,
  LimitedLeaseEntity,
  MessageEntity,
  ParkedEntity,
  type PayloadOf,
  RejectMessageError,
  RetryLaterError,
  ScenarioContractEntity,
  ScenarioEntity,
  SubscriptionEntity,
  TopicEntity,
  WaitingEntity,
  defineTopic,
  idempotentMqEntities,
} from '../../src/index.js';
import { fingerprintOf } from '../../src/topic/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { connect, definitionsOf, tableNamesOf, tablesWith } from './support/tables-of.js';

const Unheard = defineTopic<{ id: string }>({ name: 'unheard', bizId: ({ id }) => id });
const HOUR_MS = 3_600_000;

@Injectable()
class Groups {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(_paid: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'fraud' })
  async refuse(_paid: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext) {
    throw new RejectMessageError('stolen card');
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'invoices' })
  async later(_paid: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext) {
    throw new RetryLaterError({ delayMs: HOUR_MS });
  }
}

describe.each(engines)("the library's entities in an app's DataSource on %s", (engine) => {
  const type = engine === 'sqlite' ? 'better-sqlite3' : engine;
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await emptyDatabase(engine);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it.each(['mq_', 'queue_'])('read the tables called %s… through repositories', async (tablePrefix) => {
    const entities = idempotentMqEntities(type, { tablePrefix });
    app = await startApp(database, {
      entities,
      providers: [Groups],
      options: { tablePrefix, consumers: { fingerprint: true } },
    });
    await app.broker.subscribe({ topic: PaymentSucceeded.name, group: 'nobody-works', version: 1 });
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), {
      standalone: true,
      headers: { trace: 'T-1' },
    });
    await app.outbox.publish(Unheard, { id: 'U-1' }, { standalone: true });
    await app.events('acknowledged');
    await app.events('dead-lettered');
    await app.events('retry-scheduled');

    const all = <T extends object>(entity: new () => T) => app.dataSource.getRepository(entity).find();
    const topics = await all(TopicEntity);
    const topicId = (name: string) => topics.find((topic) => topic.name.toString() === name)!.id;
    const subscriptions = await all(SubscriptionEntity);
    const subscriptionId = (group: string) =>
      subscriptions.find(({ groupName }) => groupName.toString() === group)!.id;
    expect(subscriptions).toHaveLength(4);
    expect(subscriptions[0]).toMatchObject({ topicId: topicId('payment.succeeded'), version: 1, removed: 0 });

    const messages = await all(MessageEntity);
    const paid = messages.find(({ bizId }) => bizId.toString() === 'P-1')!;
    expect(messages).toHaveLength(2);
    expect(paid).toMatchObject({
      seq: expect.stringMatching(/^\d+$/),
      innerMsgId: expect.any(Buffer),
      topicId: topicId('payment.succeeded'),
      landedAt: expect.stringMatching(/^\d{16}$/),
    });
    expect(paid.innerMsgId).toHaveLength(16);
    expect(JSON.parse(paid.body.toString())).toEqual(payment('P-1'));
    expect(paid.headers!.toString()).toContain('T-1');

    const { seq } = paid;
    expect(await all(DeliveryEntity)).toEqual([
      expect.objectContaining({
        subscriptionId: subscriptionId('nobody-works'),
        seq,
        token: null,
        failures: 0,
        errors: null,
      }),
    ]);
    const [waiting] = await all(WaitingEntity);
    expect(waiting).toMatchObject({ subscriptionId: subscriptionId('invoices'), seq, failures: 0 });
    expect(BigInt(waiting!.dueAt)).toBeGreaterThan(BigInt(paid.landedAt));
    const [deadLetter] = await all(DeadLetterEntity);
    expect(deadLetter).toMatchObject({ subscriptionId: subscriptionId('fraud'), seq });
    expect(deadLetter!.reason.toString()).toBe('rejected');
    expect(deadLetter!.errors!.toString()).toContain('stolen card');
    expect(deadLetter!.deadAt).toMatch(/^\d{16}$/);
    const unheard = messages.find((message) => message.bizId.toString() === 'U-1')!;
    expect(await all(ParkedEntity)).toEqual([
      expect.objectContaining({ topicId: topicId('unheard'), seq: unheard.seq, taken: 0 }),
    ]);
    const dedup = await all(DedupEntity);
    expect(dedup).toEqual([
      expect.objectContaining({ seq, result: null, fingerprint: fingerprintOf(payment('P-1')) }),
    ]);
    expect(dedup[0]!.bizId.toString()).toBe('P-1');
    const scenarios = await all(ScenarioEntity);
    expect(scenarios.map(({ id }) => id)).toContain(dedup[0]!.scenarioId);
    const { scenarioId } = dedup[0]!;
    const contracts = await all(ScenarioContractEntity);
    const own = contracts.find((contract) => contract.scenarioId === scenarioId)!;
    expect(own).toMatchObject({ hash: expect.any(Buffer), seenAt: expect.stringMatching(/^\d{16}$/) });
    expect(own.topic.toString()).toBe(PaymentSucceeded.name);
    expect(own.selector.toString()).toMatch(/^\w+=>\w+\.paymentId$/);

    const id = subscriptionId('nobody-works');
    const subscription = { id, topic: PaymentSucceeded.name, group: 'nobody-works' };
    await app.broker.groups.limit({ group: 'nobody-works' }, { concurrency: 2, perSecond: 0.5 });
    await app.broker.poll(subscription, 0);
    const token = randomBytes(16);
    await app.broker.claim({ subscription, claimId: token, after: 0, limit: 1, leaseMs: HOUR_MS });
    const groupName = Buffer.from('nobody-works');
    expect(await all(GroupLimitEntity)).toEqual([
      { groupName, concurrency: 2, perSecond: 0.5, tokens: 0, refilledAt: expect.stringMatching(/^\d{16}$/) },
    ]);
    expect(await all(LimitedLeaseEntity)).toEqual([
      { groupName, subscriptionId: subscription.id, seq, orderingKey: null, token },
    ]);

    const claimId = randomBytes(16);
    await app.broker.repeatable.claim({ subscription, claimId, after: 0, limit: 1, leaseMs: HOUR_MS });
    expect(await all(ClaimAnswerEntity)).toEqual([]);

    const orderingKey = Buffer.from('account-7');
    await app.outbox.publish(Unheard, { id: 'U-2' }, { standalone: true, orderingKey: 'account-7' });
    await app.broker.subscribe({ topic: Unheard.name, group: 'late', version: 1 });
    const keyed = (await all(MessageEntity)).find((message) => message.orderingKey);
    expect(keyed).toMatchObject({ orderingKey });
    expect(await all(DeliveryKeyedEntity)).toEqual([
      expect.objectContaining({ seq: keyed!.seq, orderingKey, token: null, failures: 0, errors: null }),
    ]);

    // Found by a key as well, whatever its type on this engine.
    const { innerMsgId } = await app.dataSource.getRepository(MessageEntity).findOneByOrFail({ seq });
    expect(innerMsgId.equals(paid.innerMsgId)).toBe(true);
  });

  it('create no table when the app synchronizes, and leave those that are there as they are', async () => {
    const entities = idempotentMqEntities(type);
    const before = await connect(database, { entities, synchronize: true });
    expect(await tableNamesOf(before)).toEqual([]);
    await before.destroy();
    app = await startApp(database, { entities });
    expect(await tableNamesOf(app.dataSource)).toEqual(tablesWith('mq_'));
    const definitions = await definitionsOf(app.dataSource);
    const { upQueries, downQueries } = await app.dataSource.driver.createSchemaBuilder().log();
    expect([...upQueries, ...downQueries]).toEqual([]);
    await app.dataSource.synchronize();
    expect(await definitionsOf(app.dataSource)).toEqual(definitions);
  });
});
