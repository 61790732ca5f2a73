/**
 * Lets a delivery that once lost its lease run while the process does nothing else, so that whatever kills a process
 * takes no neighbours along. Everybody who holds deliveries enters; who wants to be alone waits until all have left, and
 * nobody enters meanwhile. Signals end the waiting: an app that shuts down must not wait for another one's handlers.
 */
export class IsolationGate {
  private holders = 0;
  /** Who wants to be alone; the first one is, once all holders have left. */
  private readonly line: object[] = [];
  private readonly waiting = new Set<() => void>();

  /** One for the process: module instances share its fate. */
  static ofProcess(): IsolationGate {
    const key = Symbol.for('nestjs-idempotent-mq.isolation-gate');
    const registry = globalThis as { [key: symbol]: IsolationGate | undefined };
    return (registry[key] ??= new IsolationGate());
  }

  /** Resolves when nobody wants to be alone, or the signal aborts. Then, without awaiting anything else, {@link enter}. */
  async whenOpen(signal: AbortSignal): Promise<void> {
    while (this.line.length > 0 && !signal.aborted) await this.changed(signal);
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

  /** Runs the work when everybody has left; not at all when the signal aborts before. */
  async runAlone(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const place = {};
    this.line.push(place);
    try {
      while ((this.line[0] !== place || this.holders > 0) && !signal.aborted) await this.changed(signal);
      if (!signal.aborted) await work();
    } finally {
      this.line.splice(this.line.indexOf(place), 1);
      this.notify();
    }
  }

  private changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const noticed = () => {
        this.waiting.delete(noticed);
        signal.removeEventListener('abort', noticed);
        resolve();
      };
      this.waiting.add(noticed);
      signal.addEventListener('abort', noticed);
    });
  }

  private notify(): void {
    for (const noticed of [...this.waiting]) noticed();
  }
}
