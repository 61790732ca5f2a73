import parsePrometheus from 'parse-prometheus-text-format';
import type { Registry } from 'prom-client';

type Family = ReturnType<typeof parsePrometheus>[number];

/** What an independent parser reads in a scrape. */
export class Scrape {
  private constructor(
    readonly text: string,
    private readonly families: readonly Family[],
    private readonly series: readonly Family[],
  ) {}

  static of(text: string): Scrape {
    // The parser takes a histogram's series together, and loses their labels: so it reads them by themselves, too.
    return new Scrape(text, parsePrometheus(text), parsePrometheus(text.replace(/^#.*\n/gm, '')));
  }

  static async from(registry: Registry): Promise<Scrape> {
    return Scrape.of(await registry.metrics());
  }

  /** The names of all metrics, with their kinds. */
  get kinds(): Record<string, string> {
    return Object.fromEntries(this.families.map(({ name, type }) => [name, type.toLowerCase()]));
  }

  /** The sum of the values of a series that have these labels; undefined where there is none. */
  value(name: string, labels: Record<string, string> = {}): number | undefined {
    const values = this.samplesOf(name, labels).map(({ value }) => Number(value));
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  }

  /** The different values of a label, whichever metric has it. */
  valuesOf(label: string): string[] {
    const all = this.series.flatMap(({ metrics }) => metrics.map(({ labels }) => labels?.[label]));
    return [...new Set(all.filter((value) => value !== undefined))].sort();
  }

  private samplesOf(name: string, labels: Record<string, string>) {
    // Without comments, each run of lines is a family of its own.
    const metrics = this.series.filter((family) => family.name === name).flatMap((family) => family.metrics);
    return metrics.filter((metric) =>
      Object.entries(labels).every(([label, value]) => (metric.labels?.[label] ?? '') === value),
    );
  }
}
