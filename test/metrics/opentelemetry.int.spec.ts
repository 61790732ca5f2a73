import { Injectable } from '@nestjs/common';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  type MetricData,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqOperations,
  type PayloadOf,
} from '../../src/index.js';
import { EVENT_METRICS, GAUGES } from '../../src/metrics/index.js';
import { IdempotentMqMetricsModule } from '../../src/opentelemetry/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  issue(_paid: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext): void {}
}

/** Nothing is exported before it is asked for. */
const NEVER_MS = 1_000_000;

describe.each(engines)('metrics by OpenTelemetry, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let exporter: InMemoryMetricExporter;
  let meterProvider: MeterProvider;

  beforeEach(async () => {
    database = await createDatabase(engine);
    exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: NEVER_MS });
    meterProvider = new MeterProvider({ readers: [reader] });
    app = await startApp(database, {
      imports: [IdempotentMqMetricsModule.forRoot({ meterProvider, cacheMs: 0, timeoutMs: 1_000 })],
      providers: [CardIssuing],
    });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await meterProvider.shutdown();
    await database.drop();
  });

  /** What is exported now, by name. */
  const exported = async () => {
    exporter.reset();
    await meterProvider.forceFlush();
    const metrics = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    return new Map<string, MetricData>(metrics.map((metric) => [metric.descriptor.name, metric]));
  };
  const points = (metric: MetricData | undefined) =>
    (metric?.dataPoints ?? []).map(({ attributes, value }) => ({
      ...attributes,
      value: typeof value === 'object' ? value.count : value,
    }));
  const OF_CARDS = { topic: 'payment.succeeded', group: 'card-issuing', mq_instance: 'default' };

  it('say what happened and what is in the tables', async () => {
    const ids = ['P-1', 'P-2'].map(payment);
    await app.outbox.publishAll(PaymentSucceeded, ids, { standalone: true });
    await app.events('acknowledged', 2);
    await app.broker.groups.pause({ group: 'card-issuing' });
    await app.outbox.publish(PaymentSucceeded, payment('P-3'), { standalone: true });
    const metrics = await exported();
    expect(points(metrics.get('idempotent_mq.published'))).toEqual([
      { topic: 'payment.succeeded', mq_instance: 'default', value: 3 },
    ]);
    expect(points(metrics.get('idempotent_mq.acknowledged'))).toEqual([{ ...OF_CARDS, value: 2 }]);
    expect(points(metrics.get('idempotent_mq.handling_duration'))).toEqual([
      { ...OF_CARDS, outcome: 'done', value: 2 },
    ]);
    expect(points(metrics.get('idempotent_mq.backlog'))).toEqual([{ ...OF_CARDS, value: 1 }]);
    expect(points(metrics.get('idempotent_mq.status_up'))).toEqual([{ mq_instance: 'default', value: 1 }]);
  });

  it('have the names, units and buckets that they are defined with', async () => {
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await app.events('acknowledged');
    const metrics = await exported();
    const defined = [...EVENT_METRICS, ...GAUGES];
    for (const [name, { descriptor }] of metrics) {
      const { description, unit } = defined.find((metric) => metric.name === name)!;
      expect(descriptor).toMatchObject({ description, unit });
    }
    const durations = metrics.get('idempotent_mq.handling_duration')!;
    if (durations.dataPointType !== DataPointType.HISTOGRAM) throw new Error('it is no histogram');
    const { boundaries } = durations.dataPoints[0]!.value.buckets;
    expect(boundaries).toEqual(EVENT_METRICS.find(({ name }) => name === durations.descriptor.name)!.buckets);
  });

  it('do not fail when the database does', async () => {
    jest.spyOn(IdempotentMqOperations.prototype, 'status').mockRejectedValue(new Error('away'));
    const metrics = await exported();
    expect(points(metrics.get('idempotent_mq.status_up'))).toEqual([{ mq_instance: 'default', value: 0 }]);
    expect(metrics.get('idempotent_mq.backlog')?.dataPoints ?? []).toEqual([]);
  });

  it('are not read any more when the app is closed', async () => {
    await app.nest.close();
    const asked = jest.spyOn(IdempotentMqOperations.prototype, 'status');
    await exported();
    expect(asked).not.toHaveBeenCalled();
  });
});
