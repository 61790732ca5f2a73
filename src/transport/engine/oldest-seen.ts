/**
 * A queue hands out what has waited longest first, so what comes later has not landed long before what came lately. What
 * other processes of the group hold came at about the same time. Milliseconds.
 */
const LATELY_MS = 600_000;
/** After the beginning: until then nobody knows what the queue will bring. */
const SETTLES_MS = 10_000;

/** How old what an engine still has may be, told from what it has handed out lately. By a clock that nobody sets. */
export class OldestSeen {
  private current = Infinity;
  private before = Infinity;
  private turnedAt: number;
  private beganAt = Infinity;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.turnedAt = now();
  }

  note(landedAt: number): void {
    this.turn();
    this.current = Math.min(this.current, landedAt);
  }

  /** From now on it hands out. */
  begin(): void {
    this.beganAt = this.now();
  }

  /** Nothing is handed out for now, and what was is somebody else's. What was seen counts on. */
  end(): void {
    this.beganAt = Infinity;
  }

  /** In microseconds since 1970 UTC; undefined: it has handed out nothing lately, so it has nothing. */
  get at(): number | undefined {
    this.turn();
    const at = Math.min(this.current, this.before);
    return at === Infinity ? undefined : at;
  }

  get isSettled(): boolean {
    return this.now() - this.beganAt >= SETTLES_MS;
  }

  private turn(): void {
    const turns = Math.floor((this.now() - this.turnedAt) / LATELY_MS);
    if (turns === 0) return;
    this.before = turns === 1 ? this.current : Infinity;
    this.current = Infinity;
    this.turnedAt += turns * LATELY_MS;
  }
}
