/**
 * Lets a delivery that once lost its lease run while the process does nothing else, so that whatever kills a process
 * takes no neighbours along. Everybody who holds deliveries enters; who wants to be alone waits until all have left, and
 * nobody enters meanwhile.
 */
export class IsolationGate {
  private holders = 0;
  private alone = 0;
  private queue: Promise<void> = Promise.resolve();
  private readonly waiting = new Set<() => void>();

  /** One for the process: module instances share its fate. */
  static ofProcess(): IsolationGate {
    const key = Symbol.for('nestjs-idempotent-mq.isolation-gate');
    const registry = globalThis as { [key: symbol]: IsolationGate | undefined };
    return (registry[key] ??= new IsolationGate());
  }

  /** Resolves when nobody wants to be alone. Then, without awaiting anything else, {@link enter}. */
  async whenOpen(): Promise<void> {
    while (this.alone > 0) await this.changed();
  }

  /** @returns how to leave */
  enter(): () => void {
    this.holders++;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.holders--;
      this.notify();
    };
  }

  /** Runs the work when everybody has left. */
  async runAlone<T>(work: () => Promise<T>): Promise<T> {
    this.alone++;
    const turn = this.queue;
    let done!: () => void;
    this.queue = new Promise((resolve) => (done = resolve));
    try {
      await turn;
      while (this.holders > 0) await this.changed();
      return await work();
    } finally {
      this.alone--;
      done();
      this.notify();
    }
  }

  private changed(): Promise<void> {
    return new Promise((resolve) => this.waiting.add(resolve));
  }

  private notify(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
