import type { Labels } from './definition.js';
import type { Gauge, Sample } from './gauges.js';

/** What stands for all values of a label beyond the limit. */
export const OTHER = 'other';

/** Labels whose values somebody else makes up. The others have a handful. */
const OPEN: readonly string[] = ['topic', 'group', 'scenario'];

/** Keeps the number of time series within bounds: whoever makes up topics or groups fills no metrics server. */
export class LabelValues {
  private readonly known = new Map<string, Set<string>>();

  /** @param max values of each label that is open */
  constructor(private readonly max: number) {}

  limit(labels: Labels): Record<string, string> {
    return Object.fromEntries(
      Object.entries(labels).map(([label, value]) => [label, this.valueOf(label, value)]),
    );
  }

  /** The same for all samples of a gauge, those that have the same labels then put together. */
  limitAll(samples: readonly Sample[], together: Gauge['together']): Sample[] {
    const byLabels = new Map<string, Sample>();
    for (const sample of samples) {
      const labels = this.limit(sample.labels);
      const key = JSON.stringify(labels);
      const before = byLabels.get(key)?.value;
      byLabels.set(key, {
        labels,
        value: before === undefined ? sample.value : add(before, sample.value, together),
      });
    }
    return [...byLabels.values()];
  }

  private valueOf(label: string, value: string): string {
    if (!OPEN.includes(label)) return value;
    let values = this.known.get(label);
    if (!values) this.known.set(label, (values = new Set()));
    if (values.has(value)) return value;
    if (values.size >= this.max) return OTHER;
    values.add(value);
    return value;
  }
}

function add(one: number, other: number, together: Gauge['together']): number {
  return together === 'sum' ? one + other : Math.max(one, other);
}
