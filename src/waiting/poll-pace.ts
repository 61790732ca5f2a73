/** How soon to look again where something has just been found, in milliseconds. */
export const BUSY_POLL_MS = 5;
const GROWTH = 1.25;

/**
 * How long an idle loop waits before it looks by itself. What no bell in this process tells of comes from another process,
 * and more of it most likely follows: after such a find it looks soon again, and then ever less often.
 */
export class PollPace {
  private waitMs: number;

  /**
   * @param idleMs the longest wait, in milliseconds
   * @param busyMs the shortest one, in milliseconds
   */
  constructor(
    private readonly idleMs: number,
    private readonly busyMs = BUSY_POLL_MS,
  ) {
    this.waitMs = idleMs;
  }

  /** A look that no bell had called for was worth it. */
  foundUnasked(): void {
    this.waitMs = Math.min(this.busyMs, this.idleMs);
  }

  /** The next wait, in milliseconds. */
  next(): number {
    const { waitMs } = this;
    this.waitMs = Math.min(waitMs * GROWTH, this.idleMs);
    return waitMs;
  }
}
