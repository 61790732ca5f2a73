import parsePrometheus from 'parse-prometheus-text-format';
import type { Registry } from 'prom-client';

/** What an independent parser reads in a scrape. */
export class Scrape {
  private constructor(
    readonly text: string,
    private readonly families: ReturnType<typeof parsePrometheus>,
  ) {}

  static of(text: string): Scrape {
    return new Scrape(text, parsePrometheus(text));
  }

  static async from(registry: Registry): Promise<Scrape> {
    return Scrape.of(await registry.metrics());
  }

  /** The names of all metrics, with their kinds. */
  get kinds(): Record<string, string> {
    return Object.fromEntries(this.families.map(({ name, type }) => [name, type.toLowerCase()]));
  }

  /** The sum of the values that have these labels; undefined where there is none. */
  value(name: string, labels: Record<string, string> = {}): number | undefined {
    const values = this.samplesOf(name, labels).map(({ value, count }) => Number(value ?? count));
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  }

  /** The different values of a label, whichever metric has it. */
  valuesOf(label: string): string[] {
    const all = this.families.flatMap(({ metrics }) => metrics.map(({ labels }) => labels?.[label]));
    return [...new Set(all.filter((value) => value !== undefined))].sort();
  }

  private samplesOf(name: string, labels: Record<string, string>) {
    const metrics = this.families.find((family) => family.name === name)?.metrics ?? [];
    return metrics.filter((metric) =>
      Object.entries(labels).every(([label, value]) => (metric.labels?.[label] ?? '') === value),
    );
  }
}
