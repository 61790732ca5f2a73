/** Clocks that are set right by little do no harm. Milliseconds. */
const TOLERANCE_MS = 60_000;
/** Two clocks never go alike: NTP alone changes the rate of one by up to 0.0005. Else a process would stop forgetting after some weeks. */
const DRIFT = 0.001;

/**
 * Notices when the database's clock doesn't go as time does: by a clock of this process that nobody sets, and by the
 * latest time that any process has seen.
 */
export class ClockWatch {
  private reference: { clockMs: number; monotonicMs: number } | undefined;

  constructor(private readonly monotonicMs: () => number = () => performance.now()) {}

  /** For another clock, by the same one of this process. */
  another(): ClockWatch {
    return new ClockWatch(this.monotonicMs);
  }

  /**
   * @param clock what the database's clock shows now, in microseconds
   * @param latest the latest that it has been seen to show
   * @returns by how many milliseconds it is wrong; undefined when it seems right
   */
  jumpAt(clock: number, latest?: number): number | undefined {
    const clockMs = clock / 1000;
    const monotonicMs = this.monotonicMs();
    this.reference ??= { clockMs, monotonicMs };
    const behind = latest === undefined ? 0 : Math.min(0, clockMs - latest / 1000);
    if (behind < -TOLERANCE_MS) return behind;
    const passed = monotonicMs - this.reference.monotonicMs;
    const off = clockMs - (this.reference.clockMs + passed);
    return Math.abs(off) > TOLERANCE_MS + DRIFT * passed ? off : undefined;
  }
}
