/** How often each fault has happened, and how often it was to happen. */
export class FaultCounts {
  private readonly faults = new Map<string, { happened: number; wanted: number }>();

  /** What somebody told of: each of it is to have happened, however often. */
  static told(counts: Iterable<readonly [string, number]>): FaultCounts {
    const told = new FaultCounts();
    for (const [what, happened] of counts) told.count(what, happened);
    return told;
  }

  static sum(all: Iterable<FaultCounts>): FaultCounts {
    const sum = new FaultCounts();
    for (const each of all) {
      for (const [what, { happened, wanted }] of each.faults) {
        sum.want(what, wanted);
        sum.count(what, happened);
      }
    }
    return sum;
  }

  /** So often beside what was wanted of it before. With 0 it is named: that it never happens would not be seen otherwise. */
  want(what: string, times = 1): void {
    this.of(what).wanted += times;
  }

  count(what: string, times = 1): void {
    this.of(what).happened += times;
  }

  happened(what: string): number {
    return this.faults.get(what)?.happened ?? 0;
  }

  get total(): number {
    return [...this.faults.values()].reduce((sum, { happened }) => sum + happened, 0);
  }

  /** By name, as often as it happened. */
  get counts(): ReadonlyMap<string, number> {
    return new Map([...this.faults].map(([what, { happened }]) => [what, happened]));
  }

  /** What happened less often than it was to, or never. */
  get missing(): string[] {
    return [...this.faults]
      .map(([what, { happened, wanted }]) => ({ what, happened, wanted: Math.max(wanted, 1) }))
      .filter(({ happened, wanted }) => happened < wanted)
      .map(({ what, happened, wanted }) => `${what} (${happened} of ${wanted})`);
  }

  private of(what: string) {
    const known = this.faults.get(what) ?? { happened: 0, wanted: 0 };
    this.faults.set(what, known);
    return known;
  }
}
