/** A look at the broker may take so much of its time: it counts every delivery. */
const SHARE = 10;

/** Looks again and again, as long as anybody watches; the more seldom, the longer a look takes. */
export class Ticker {
  private timer: NodeJS.Timeout | undefined;
  private run = 0;

  constructor(
    private readonly intervalMs: number,
    private readonly look: () => Promise<void>,
  ) {}

  start(): void {
    const run = ++this.run;
    const turn = async () => {
      const began = performance.now();
      await this.look();
      if (run !== this.run) return;
      const took = performance.now() - began;
      this.timer = setTimeout(() => void turn(), Math.max(this.intervalMs, SHARE * took));
    };
    void turn();
  }

  stop(): void {
    this.run++;
    clearTimeout(this.timer);
  }
}
