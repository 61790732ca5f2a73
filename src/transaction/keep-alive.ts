/** Keeps the server from taking a connection for dead whose handler works on something else for long. */
export class KeepAlive {
  private lastAt = performance.now();
  private readonly timer: NodeJS.Timeout | undefined;

  /** @param everyMs undefined where nobody takes a silent connection for dead */
  constructor(everyMs: number | undefined, isBusy: () => boolean, ping: () => Promise<unknown>) {
    if (everyMs === undefined) return;
    this.timer = setInterval(() => {
      if (isBusy() || performance.now() - this.lastAt < everyMs) return;
      this.lastAt = performance.now();
      // If it fails, the handler's next statement or the witness finds out.
      ping().catch(() => undefined);
    }, everyMs).unref();
  }

  /** A statement of the handler does as much. */
  statementSent(): void {
    this.lastAt = performance.now();
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
