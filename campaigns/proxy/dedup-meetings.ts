/** How copies of one biz-id met in the dedup log, and how often. */
export const MEETINGS = [
  /** The row was there, and its transaction over. */
  'absorbed, was committed',
  /** The row was that of a transaction under way: its COMMIT was not sent yet. The copy waited for that, and was absorbed. */
  'absorbed, was under way',
  /** It waited as well, and the transaction rolled back, or its process was dead: the copy took effect itself, as far as it got. */
  'took over',
  /** It waited beside others when that happened, and the server made it roll back (1213). It comes again. */
  'deadlock',
] as const;
export type Meeting = (typeof MEETINGS)[number];

const INSERTS = /^.{4}\x03(?:\x00\x01)?INSERT INTO .?mq_dedup.? .* VALUES \((\d+, X'[0-9a-f]+')/is;
/** Sent: from here on nobody can wait for it for long. */
const ENDS = /^.{4}\x03(?:\x00\x01)?(COMMIT|ROLLBACK)/s;
const DUPLICATE = 1062;
const DEADLOCK = 1213;

/** What all connections of a chunk have to do with dedup rows, as the wire to the database shows it. */
export class DedupMeetings {
  readonly counts = new Map<Meeting, number>(MEETINGS.map((meeting) => [meeting, 0]));
  /** Who has inserted a row and not ended its transaction yet, by key. */
  readonly holders = new Map<string, DedupWatch>();
  readonly asking = new Set<DedupWatch>();

  watch(): DedupWatch {
    return new DedupWatch(this);
  }

  count(meeting: Meeting): void {
    this.counts.set(meeting, this.counts.get(meeting)! + 1);
  }
}

/** Follows one connection. */
export class DedupWatch {
  private asked: { key: string; waits: boolean } | undefined;
  private held: string | undefined;

  constructor(private readonly all: DedupMeetings) {}

  command(chunk: string): void {
    if (ENDS.test(chunk)) this.release();
    const [, key] = INSERTS.exec(chunk) ?? [];
    if (key === undefined) return;
    this.asked = { key, waits: this.all.holders.has(key) };
    this.all.asking.add(this);
  }

  answer(chunk: Buffer): void {
    if (!this.asked) return;
    const { key, waits } = this.asked;
    this.asked = undefined;
    this.all.asking.delete(this);
    const isError = chunk[4] === 0xff;
    if (!isError) {
      if (waits) this.all.count('took over');
      this.hold(key);
      return;
    }
    const code = chunk.readUInt16LE(5);
    if (code === DUPLICATE) this.all.count(waits ? 'absorbed, was under way' : 'absorbed, was committed');
    if (code === DEADLOCK) this.all.count('deadlock');
  }

  /** The database has heard that the connection is gone. */
  gone(): void {
    this.release();
    this.all.asking.delete(this);
  }

  private hold(key: string): void {
    this.held = key;
    this.all.holders.set(key, this);
    // Those that asked at the same time, and came second.
    for (const { asked } of this.all.asking) if (asked?.key === key) asked.waits = true;
  }

  private release(): void {
    if (this.held !== undefined && this.all.holders.get(this.held) === this)
      this.all.holders.delete(this.held);
    this.held = undefined;
  }
}
