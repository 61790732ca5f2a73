import { type Observed, StatusReader } from '../observing/index.js';
import { INSTANCE_LABEL, instanceLabel } from './definition.js';
import { EVENT_METRICS, type EventMetric } from './event-metrics.js';
import { type Gauge, type Sample, type Seen } from './gauges.js';
import { LabelValues } from './label-values.js';
import type { ResolvedMetricsOptions } from './metrics.options.js';

/** The metrics of one instance of the module, for whoever shows them. */
export class MetricsSource {
  private readonly reader: StatusReader;
  private readonly values: LabelValues;
  private readonly own: Record<string, string>;

  constructor(
    private readonly observed: Observed,
    options: ResolvedMetricsOptions,
  ) {
    this.reader = new StatusReader(() => observed.operations.status(), options);
    this.values = new LabelValues(options.maxLabelValues);
    this.own = { [INSTANCE_LABEL]: instanceLabel(options.instance) };
  }

  /**
   * What has no labels is there from the start: of a counter that begins at one, nobody sees that it has risen.
   *
   * @returns how to stop it
   */
  onEvent(record: (metric: EventMetric, value: number, labels: Record<string, string>) => void): () => void {
    for (const metric of EVENT_METRICS)
      if (metric.kind === 'counter' && metric.labels.length === 0) record(metric, 0, this.own);
    const subscriptions = EVENT_METRICS.map((metric) =>
      this.observed.events.of(...metric.events).subscribe((event) => {
        const measured = metric.measure(event);
        if (measured) record(metric, measured.value, this.labelled(measured.labels));
      }),
    );
    return () => subscriptions.forEach((subscription) => subscription.unsubscribe());
  }

  /** Whether both count the same events. */
  isOfTheSameAs(other: MetricsSource): boolean {
    return this.observed.events === other.observed.events;
  }

  /** Never rejects. */
  async see(): Promise<Seen> {
    const { status } = await this.reader.latest();
    return { status, loops: this.observed.loops.list() };
  }

  samplesOf(gauge: Gauge, seen: Seen): Sample[] {
    return this.values
      .limitAll(gauge.read(seen), gauge.together)
      .map(({ value, labels }) => ({ value, labels: { ...labels, ...this.own } }));
  }

  private labelled(labels: Readonly<Record<string, string>>): Record<string, string> {
    return { ...this.values.limit(labels), ...this.own };
  }
}
