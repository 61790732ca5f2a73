import { Injectable } from '@nestjs/common';
import { Registry } from 'prom-client';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqOperations,
  type PayloadOf,
  RejectMessageError,
  defineTopic,
} from '../../src/index.js';
import { EVENT_METRICS, GAUGES, prometheusName } from '../../src/metrics/index.js';
import { IdempotentMqPrometheusModule, type PrometheusOptions } from '../../src/prometheus/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';
import { Scrape } from './scrape.js';

// Property: what a scrape says is what happened and what is in the tables, read by a parser that is not prom-client's; and
// a scrape can hurt neither the database nor the app.

const Unheard = ['one', 'two', 'three'].map((name) =>
  defineTopic<{ id: string }>({ name: `unheard.${name}`, bizId: ({ id }) => id }),
);

@Injectable()
class CardIssuing {
  private readonly failed = new Set<string>();

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext): void {
    if (paymentId === 'P-rejected') throw new RejectMessageError('no such user');
    if (paymentId !== 'P-fails-once' || this.failed.has(paymentId)) return;
    this.failed.add(paymentId);
    throw new Error('the printer is on fire');
  }
}

describe.each(engines)('a scrape by Prometheus, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let registry: Registry;

  beforeEach(async () => {
    database = await createDatabase(engine);
    registry = new Registry();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  const start = async (options: PrometheusOptions = {}) => {
    app = await startApp(database, {
      imports: [IdempotentMqPrometheusModule.forRoot({ registry, cacheMs: 0, ...options })],
      providers: [CardIssuing],
    });
  };
  const pay = (...ids: string[]) =>
    app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
  const OF_CARDS = { topic: 'payment.succeeded', group: 'card-issuing' };

  it('says what happened', async () => {
    await start();
    await pay('P-1', 'P-fails-once', 'P-rejected');
    await app.events('acknowledged', 2);
    await app.events('dead-lettered');
    await pay('P-1');
    await app.events('duplicate-absorbed');
    const scrape = await Scrape.from(registry);
    expect(scrape.value('idempotent_mq_published_total', { topic: 'payment.succeeded' })).toBe(4);
    expect(scrape.value('idempotent_mq_acknowledged_total', OF_CARDS)).toBe(2);
    expect(scrape.value('idempotent_mq_duplicates_absorbed_total', OF_CARDS)).toBe(1);
    expect(scrape.value('idempotent_mq_retries_scheduled_total', { ...OF_CARDS, reason: 'failed' })).toBe(1);
    expect(scrape.value('idempotent_mq_dead_lettered_total', { ...OF_CARDS, reason: 'rejected' })).toBe(1);
    expect(scrape.value('idempotent_mq_delivered_total', { ...OF_CARDS, redelivered: 'true' })).toBe(1);
    const handled = (outcome: string) =>
      scrape.value('idempotent_mq_handling_duration_seconds_count', { ...OF_CARDS, outcome });
    expect([handled('done'), handled('failed')]).toEqual([2, 2]);
    expect(scrape.value('idempotent_mq_effect_delay_seconds_count', OF_CARDS)).toBe(2);
  });

  it('says what is in the tables', async () => {
    await start();
    await pay('P-1', 'P-rejected');
    await app.events('acknowledged');
    await app.events('dead-lettered');
    await app.broker.groups.pause({ group: 'card-issuing' });
    await pay('P-2', 'P-3');
    await app.outbox.publish(Unheard[0]!, { id: 'U-1' }, { standalone: true });
    const scrape = await Scrape.from(registry);
    expect(scrape.value('idempotent_mq_backlog', OF_CARDS)).toBe(2);
    expect(scrape.value('idempotent_mq_backlog_age_seconds', OF_CARDS)).toBeGreaterThanOrEqual(0);
    expect(scrape.value('idempotent_mq_paused', OF_CARDS)).toBe(1);
    expect(scrape.value('idempotent_mq_dead_letters', OF_CARDS)).toBe(1);
    expect(scrape.value('idempotent_mq_parked_messages', { topic: 'unheard.one' })).toBe(1);
    expect(scrape.value('idempotent_mq_dedup_rows')).toBe(1);
    expect(scrape.value('idempotent_mq_quarantine')).toBe(0);
    expect(scrape.value('idempotent_mq_outbox')).toBe(0);
    expect(scrape.value('idempotent_mq_status_up')).toBe(1);
    expect(scrape.value('idempotent_mq_broker_up')).toBe(1);
    expect(scrape.value('idempotent_mq_loop_age_seconds', { loop: 'worker', ...OF_CARDS })).toBeLessThan(60);
  });

  it('has every metric, of its kind, and a biz-id nowhere', async () => {
    await start();
    await pay('P-1', 'P-rejected');
    await app.events('acknowledged');
    await app.events('dead-lettered');
    const { kinds, text } = await Scrape.from(registry);
    const defined = EVENT_METRICS.map((metric) => [prometheusName(metric.kind, metric), metric.kind]);
    const gauges = GAUGES.map((gauge) => [prometheusName('gauge', gauge), 'gauge']);
    expect(kinds).toEqual(Object.fromEntries([...defined, ...gauges]));
    expect(text).not.toMatch(/P-1|P-rejected|no such user/);
  });

  it('asks the database once for all gauges, and not again for as long as the answer is young', async () => {
    await start({ cacheMs: 60_000 });
    const asked = jest.spyOn(IdempotentMqOperations.prototype, 'status');
    await Promise.all([registry.metrics(), registry.metrics()]);
    await registry.metrics();
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('does not wait for a database that hangs, and says no old values then', async () => {
    await start({ timeoutMs: 200 });
    await pay('P-1');
    await app.events('acknowledged');
    // A busy machine takes longer at times.
    const rows = async () => (await Scrape.from(registry)).value('idempotent_mq_dedup_rows');
    await until('a scrape in time', async () => (await rows()) === 1);
    jest.spyOn(IdempotentMqOperations.prototype, 'status').mockReturnValue(new Promise(() => undefined));
    const scrape = await Scrape.from(registry);
    expect(scrape.value('idempotent_mq_status_up')).toBe(0);
    expect(scrape.value('idempotent_mq_dedup_rows')).toBeUndefined();
    expect(scrape.value('idempotent_mq_acknowledged_total')).toBe(1);
  });

  it('does not fail when the database does', async () => {
    await start();
    jest.spyOn(IdempotentMqOperations.prototype, 'status').mockRejectedValue(new Error('away'));
    expect((await Scrape.from(registry)).value('idempotent_mq_status_up')).toBe(0);
  });

  it('has no more values of a label than were asked for', async () => {
    await start({ maxLabelValues: 2 });
    for (const topic of Unheard) await app.outbox.publish(topic, { id: 'U-1' }, { standalone: true });
    const scrape = await Scrape.from(registry);
    expect(scrape.valuesOf('topic')).toHaveLength(3);
    expect(scrape.value('idempotent_mq_published_total', { topic: 'other' })).toBe(1);
  });

  it('has no gauges any more when the app is closed, and what was counted is still there', async () => {
    await start();
    await pay('P-1');
    await app.events('acknowledged');
    await app.nest.close();
    const scrape = await Scrape.from(registry);
    expect(scrape.value('idempotent_mq_status_up')).toBeUndefined();
    expect(scrape.value('idempotent_mq_acknowledged_total')).toBe(1);
  });

  it('is refused at start where it would count twice', async () => {
    await start();
    const other = await createDatabase(engine);
    const twice = [{}, { cacheMs: 1 }].map((more) =>
      IdempotentMqPrometheusModule.forRoot({ registry: new Registry(), ...more }),
    );
    const own = new Registry();
    const both = [{}, { cacheMs: 1 }].map((more) =>
      IdempotentMqPrometheusModule.forRoot({ registry: own, ...more }),
    );
    await expect(startApp(other, { imports: both })).rejects.toThrow('imported twice');
    // In two registries it is counted once in each.
    const inBoth = await startApp(other, { imports: twice });
    await inBoth.close();
    await other.drop();
  });

  it('is refused at start where there is nothing to observe, or an option is wrong', async () => {
    await start();
    expect(() => IdempotentMqPrometheusModule.forRoot({ cacheMs: -1 })).toThrow('cacheMs');
    expect(() => IdempotentMqPrometheusModule.forRoot({ cache: 1 } as object)).toThrow(
      'Known are instance, cacheMs',
    );
    expect(() => IdempotentMqPrometheusModule.forRoot({ registry: {} as Registry })).toThrow('registry');
    const other = await createDatabase(engine);
    const starting = startApp(other, {
      imports: [IdempotentMqPrometheusModule.forRoot({ registry, instance: 'billing' })],
    });
    await expect(starting).rejects.toThrow('there is no IdempotentMqModule with the name billing');
    await other.drop();
  });
});
