/** Seconds over which a rate is taken: short enough to be seen changing, long enough to be read. */
const WINDOW = 10;

/** Counts by second, for as long as a rate looks back. */
export class Rate {
  /** One more than the window: the second that is not over yet counts for nothing. */
  private readonly buckets = new Array<number>(WINDOW + 1).fill(0);
  private second: number;
  private readonly since: number;
  total = 0;

  constructor(nowMs: number) {
    this.second = this.since = Math.floor(nowMs / 1_000);
  }

  add(count: number, nowMs: number): void {
    this.advance(nowMs);
    this.buckets[this.second % this.buckets.length]! += count;
    this.total += count;
  }

  perSecond(nowMs: number): number {
    this.advance(nowMs);
    const current = this.second % this.buckets.length;
    const sum = this.buckets.reduce((all, count, i) => (i === current ? all : all + count), 0);
    const seconds = Math.min(WINDOW, this.second - this.since);
    return seconds === 0 ? 0 : sum / seconds;
  }

  private advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const passed = Math.min(second - this.second, this.buckets.length);
    for (let i = 1; i <= passed; i++) this.buckets[(this.second + i) % this.buckets.length] = 0;
    this.second = Math.max(this.second, second);
  }
}

/** Rates by name. There are as many as there are subscriptions, and no more than this, whatever events come. */
const MOST_NAMES = 10_000;

export class Rates {
  private readonly byName = new Map<string, Rate>();

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  add(name: string, count = 1): void {
    let rate = this.byName.get(name);
    if (!rate) {
      if (this.byName.size >= MOST_NAMES) return;
      this.byName.set(name, (rate = new Rate(this.nowMs())));
    }
    rate.add(count, this.nowMs());
  }

  perSecond(name: string): number {
    return this.byName.get(name)?.perSecond(this.nowMs()) ?? 0;
  }

  total(name: string): number {
    return this.byName.get(name)?.total ?? 0;
  }
}
