/** Numbers commit out of order, and some come back below the cursor: it looks back this often. Milliseconds. */
const LOOK_BACK_MS = 1_000;
/**
 * What committed late by less than this is met by the next claim: under load, publishers overtake each other all the time, and
 * each one that was overtaken would wait for the next look back. Milliseconds.
 */
const NEAR_MS = 100;
/** What committed late by less than this is met by each look back, whatever it costs to look at everything. Milliseconds. */
const TRAIL_MS = 10_000;
/**
 * Looking at everything takes 0.2 ms for each 1,000 rows that were deleted and that a read view, open somewhere on the
 * server, keeps from being purged. Then it comes less often, so that it takes a fiftieth of the time; but within half a
 * minute, like a lease that ran out.
 */
const REST = 50;
const LONGEST_REST_MS = 30_000;

/** Where the next claim of a worker begins, and when it looks below that. By a clock that nobody sets. */
export class ClaimCursor {
  private at = 0;
  /** Behind everything that was ever looked at. */
  private top = 0;
  /** Where `top` was at two times: the later one becomes the earlier one after {@link TRAIL_MS}. */
  private readonly trail = { earlier: 0, later: 0, since: -Infinity };
  /** The same for {@link NEAR_MS}. Nowhere yet: a worker that has begun just now would look at everything. */
  private readonly near = { earlier: Infinity, later: Infinity, since: -Infinity };
  private lookedBackAt = -Infinity;
  /** When the last look at everything began, and what that one and the one before it took. */
  private readonly whole = { beganAt: -Infinity, costs: [0, 0] as [number, number] };
  private wholeUnderWay = false;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Only what is behind this is to be looked at next. */
  get after(): number {
    return Math.min(this.at, this.near.earlier);
  }

  /** Once a second: it goes back, to the start or over its trail. @returns whether that was due, and polling with it */
  lookBackIfDue(): boolean {
    const now = this.now();
    this.followNear(now);
    if (now - this.lookedBackAt < LOOK_BACK_MS) return false;
    this.lookedBackAt = now;
    if (now - this.trail.since >= TRAIL_MS) {
      const { later } = this.trail;
      Object.assign(this.trail, { earlier: later, later: this.top, since: now });
    }
    this.wholeUnderWay = now - this.whole.beganAt >= this.restMs;
    if (this.wholeUnderWay) [this.whole.beganAt, this.at] = [now, 0];
    // A worker that has begun just now has no trail yet: from the start, it would be a look at everything.
    else if (this.trail.earlier > 0) this.at = Math.min(this.at, this.trail.earlier);
    return true;
  }

  /** The step that began with {@link lookBackIfDue} is over, or has failed: then it is not tried again at once. */
  stepIsOver({ failed }: { failed: boolean }): void {
    if (!this.wholeUnderWay) return;
    this.wholeUnderWay = false;
    this.whole.costs = [this.now() - this.whole.beganAt, this.whole.costs[0]];
    if (failed) this.at = this.top;
  }

  /** A claim has looked at this one and at everything before it. */
  moveTo(seq: number): void {
    this.followNear(this.now());
    this.at = seq;
    this.top = Math.max(this.top, seq);
  }

  /** There is nothing behind it: what comes next, comes at the top. */
  nothingBehind(): void {
    this.at = this.top;
  }

  /** A delivery of this number is back from where it waited. */
  backTo(seq: number): void {
    this.at = Math.min(this.at, seq - 1);
  }

  /** The next look back is at once, and at everything. */
  startOver(): void {
    this.lookedBackAt = -Infinity;
    this.whole.beganAt = -Infinity;
  }

  private followNear(now: number): void {
    const { near, top } = this;
    const passed = now - near.since;
    if (passed < NEAR_MS) return;
    if (near.since === -Infinity) near.since = now;
    else Object.assign(near, { earlier: passed < 2 * NEAR_MS ? near.later : top, later: top, since: now });
  }

  /** One slow answer may have any reason; of two the quicker one counts. */
  private get restMs(): number {
    return Math.min(LONGEST_REST_MS, REST * Math.min(...this.whole.costs));
  }
}
