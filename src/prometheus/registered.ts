import { Counter, Gauge, Histogram, type Registry, type RegistryContentType } from 'prom-client';
import { ConfigurationError } from '../errors/index.js';
import {
  EVENT_METRICS,
  type EventMetric,
  GAUGES,
  INSTANCE_LABEL,
  type MetricDefinition,
  type MetricsSource,
  type Sample,
  prometheusName,
} from '../metrics/index.js';

export type AnyRegistry = Registry<RegistryContentType>;

type Instrument = { record(labels: Record<string, string>, value: number): void };

/** The instances whose gauges a registry shows: it knows each name once, and an app may have several instances. */
type Sources = WeakMap<AnyRegistry, Set<MetricsSource>>;

/** One for the process, whichever copy of this file has registered the gauges. */
const SOURCES = Symbol.for('nestjs-idempotent-mq:prometheus-sources');
const shared = globalThis as { [SOURCES]?: Sources };
const sourcesOf = (shared[SOURCES] ??= new WeakMap());

/**
 * Shows an instance's metrics in a registry.
 *
 * @returns how to end it: what was counted stays, gauges have no values any more
 * @throws ConfigurationError where the registry shows it already: each event would be counted twice
 */
export function register(registry: AnyRegistry, source: MetricsSource): () => void {
  const sources = sourcesOf.get(registry) ?? new Set();
  if ([...sources].some((other) => other.isOfTheSameAs(source))) {
    throw new ConfigurationError(
      'IdempotentMqPrometheusModule is imported twice for one instance and one registry, and would count each event twice. Import it once for each instance: forRoot({ instance }) names another one.',
    );
  }
  const instruments = new Map(EVENT_METRICS.map((metric) => [metric, instrumentOf(registry, metric)]));
  const stop = source.onEvent((metric, value, labels) => instruments.get(metric)!.record(labels, value));
  sourcesOf.set(registry, sources.add(source));
  registerGauges(registry, sources);
  return () => {
    stop();
    sources.delete(source);
  };
}

function instrumentOf(registry: AnyRegistry, metric: EventMetric): Instrument {
  const config = configOf(registry, metric.kind, metric);
  const known = registry.getSingleMetric(config.name);
  if (metric.kind === 'counter') {
    const counter = (known as Counter | undefined) ?? new Counter(config);
    return { record: (labels, value) => counter.inc(labels, value) };
  }
  const histogram =
    (known as Histogram | undefined) ?? new Histogram({ ...config, buckets: [...metric.buckets!] });
  return { record: (labels, value) => histogram.observe(labels, value) };
}

function registerGauges(registry: AnyRegistry, sources: ReadonlySet<MetricsSource>): void {
  for (const definition of GAUGES) {
    const config = configOf(registry, 'gauge', definition);
    if (registry.getSingleMetric(config.name)) continue;
    new Gauge({
      ...config,
      async collect() {
        const seen = await Promise.all(
          [...sources].map(async (source) => source.samplesOf(definition, await source.see())),
        );
        const samples: Sample[] = seen.flat();
        // At once: two scrapes may be under way.
        this.reset();
        for (const { labels, value } of samples) this.set(labels, value);
      },
    });
  }
}

function configOf(registry: AnyRegistry, kind: EventMetric['kind'] | 'gauge', definition: MetricDefinition) {
  return {
    name: prometheusName(kind, definition),
    help: definition.description,
    labelNames: [...definition.labels, INSTANCE_LABEL],
    registers: [registry],
  };
}
