import type { Meter } from '@opentelemetry/api';
import {
  EVENT_METRICS,
  type EventMetric,
  GAUGES,
  type MetricDefinition,
  type MetricsSource,
} from '../metrics/index.js';

type Recording = (value: number, labels: Record<string, string>) => void;

/**
 * Shows an instance's metrics by a meter.
 *
 * @returns how to end it
 */
export function meter(on: Meter, source: MetricsSource): () => void {
  const instruments = new Map(EVENT_METRICS.map((metric) => [metric, instrumentOf(on, metric)]));
  const stop = source.onEvent((metric, value, labels) => instruments.get(metric)!(value, labels));
  const gauges = GAUGES.map((gauge) => ({
    gauge,
    shown: on.createObservableGauge(gauge.name, optionsOf(gauge)),
  }));
  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = async (result) => {
    const seen = await source.see();
    for (const { gauge, shown } of gauges)
      for (const { value, labels } of source.samplesOf(gauge, seen)) result.observe(shown, value, labels);
  };
  const observed = gauges.map(({ shown }) => shown);
  on.addBatchObservableCallback(observe, observed);
  return () => {
    stop();
    on.removeBatchObservableCallback(observe, observed);
  };
}

function instrumentOf(on: Meter, metric: EventMetric): Recording {
  if (metric.kind === 'counter') {
    const counter = on.createCounter(metric.name, optionsOf(metric));
    return (value, labels) => counter.add(value, labels);
  }
  const advice = { explicitBucketBoundaries: [...metric.buckets!] };
  const histogram = on.createHistogram(metric.name, { ...optionsOf(metric), advice });
  return (value, labels) => histogram.record(value, labels);
}

function optionsOf({ description, unit }: MetricDefinition) {
  return { description, unit };
}
