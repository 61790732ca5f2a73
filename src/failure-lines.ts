/** Of one handler's first failures, these many a window are logged. A bad deploy makes thousands at once, all alike. */
const LINES = 5;
const WINDOW_MS = 60_000;

/** Calls back once after so many milliseconds of a clock that nobody sets, unless it is stopped before. */
export type After = (ms: number, call: () => void) => { stop(): void };

/** The first failures of deliveries: some of each handler, and how many more there were. */
export class FailureLines {
  private readonly windows = new Map<string, { seen: number; timer: { stop(): void } }>();

  constructor(
    private readonly log: (line: string) => void,
    private readonly after: After = afterTimeout,
  ) {}

  /** @param line made only where it is logged */
  failed(handler: string, line: () => string): void {
    const open = this.windows.get(handler);
    const timer = open?.timer ?? this.after(WINDOW_MS, () => this.closeWindow(handler));
    const seen = (open?.seen ?? 0) + 1;
    this.windows.set(handler, { seen, timer });
    if (seen <= LINES) this.log(line());
  }

  /** Says what was held back. */
  close(): void {
    for (const [handler, { timer }] of this.windows) {
      timer.stop();
      this.closeWindow(handler);
    }
  }

  private closeWindow(handler: string): void {
    const more = (this.windows.get(handler)?.seen ?? 0) - LINES;
    this.windows.delete(handler);
    if (more > 0) this.log(`… and ${more} more first failures of ${handler} in the last minute.`);
  }
}

function afterTimeout(ms: number, call: () => void): { stop(): void } {
  // Nothing stays alive for a line of log.
  const timer = setTimeout(call, ms).unref();
  return { stop: () => clearTimeout(timer) };
}
