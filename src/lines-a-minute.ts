/** So many a window about one thing. A bad deploy makes thousands at once, all alike. */
const LINES = 5;
const WINDOW_MS = 60_000;

/** Calls back once after so many milliseconds of a clock that nobody sets, unless it is stopped before. */
export type After = (ms: number, call: () => void) => { stop(): void };

/** Lines that many messages may make: some of them about each thing, and how many more there were. */
export class LinesAMinute {
  private readonly windows = new Map<string, { seen: number; timer: { stop(): void } }>();

  constructor(
    private readonly log: (line: string) => void,
    /** What there was more of: `first failures of …`. */
    private readonly ofWhat: (about: string) => string,
    private readonly after: After = afterTimeout,
  ) {}

  /** @param line made only where it is logged */
  add(about: string, line: () => string): void {
    const open = this.windows.get(about);
    const timer = open?.timer ?? this.after(WINDOW_MS, () => this.closeWindow(about));
    const seen = (open?.seen ?? 0) + 1;
    this.windows.set(about, { seen, timer });
    if (seen <= LINES) this.log(line());
  }

  /** Says what was held back. */
  close(): void {
    for (const [about, { timer }] of this.windows) {
      timer.stop();
      this.closeWindow(about);
    }
  }

  private closeWindow(about: string): void {
    const more = (this.windows.get(about)?.seen ?? 0) - LINES;
    this.windows.delete(about);
    if (more > 0) this.log(`… and ${more} more ${this.ofWhat(about)} in the last minute.`);
  }
}

function afterTimeout(ms: number, call: () => void): { stop(): void } {
  // Nothing stays alive for a line of log.
  const timer = setTimeout(call, ms).unref();
  return { stop: () => clearTimeout(timer) };
}
