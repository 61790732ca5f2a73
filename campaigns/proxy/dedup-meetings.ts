import type { Engine } from '../databases/create.js';
import type { Answer, Command } from './protocol.js';

/** How copies of one biz-id met in the dedup log, and how often. */
export const MEETINGS = [
  /** The row was there, and its transaction over. */
  'absorbed, was committed',
  /** The row was that of a transaction under way: its COMMIT was not sent yet. The copy waited for that, and was absorbed. */
  'absorbed, was under way',
  /** It waited as well, and the transaction rolled back, or its process was dead: the copy took effect itself, as far as it got. */
  'took over',
  /** It waited beside others when that happened, and the server made it roll back. It comes again. Not on PostgreSQL, where none of them has a lock. */
  'deadlock',
] as const;
export type Meeting = (typeof MEETINGS)[number];

/** With its key, unless that is sent apart. */
const INSERTS = /^INSERT INTO .?mq_dedup.? .* VALUES \((\d+, X'[0-9a-f]+'|\$1, \$2)/is;
/** Sent: from here on nobody can wait for it for long. */
const ENDS = /^(COMMIT|ROLLBACK(?! TO\b))/;

/** What all connections of a chunk have to do with dedup rows, as the wire to the database shows it. */
export class DedupMeetings {
  /** Of those that there can be. */
  readonly counts: Map<Meeting, number>;
  /** Who has inserted a row and not ended its transaction yet, by key. */
  readonly holders = new Map<string, DedupWatch>();
  readonly asking = new Set<DedupWatch>();

  constructor(engine: Engine) {
    const possible = MEETINGS.filter((meeting) => engine !== 'postgres' || meeting !== 'deadlock');
    this.counts = new Map(possible.map((meeting) => [meeting, 0]));
  }

  watch(): DedupWatch {
    return new DedupWatch(this);
  }

  count(meeting: Meeting): void {
    this.counts.set(meeting, (this.counts.get(meeting) ?? 0) + 1);
  }
}

/** Follows one connection. */
export class DedupWatch {
  private asked: { key: string; waits: boolean } | undefined;
  private held: string | undefined;

  constructor(private readonly all: DedupMeetings) {}

  command({ sql, values }: Pick<Command, 'sql' | 'values'>): void {
    if (ENDS.test(sql)) this.release();
    const [, given] = INSERTS.exec(sql) ?? [];
    if (given === undefined) return;
    const key = values.length > 0 ? hexOf(values.slice(0, 2)) : given;
    this.asked = { key, waits: this.all.holders.has(key) };
    this.all.asking.add(this);
  }

  answer(answer: Answer): void {
    if (!this.asked) return;
    const { key, waits } = this.asked;
    this.asked = undefined;
    this.all.asking.delete(this);
    if (answer === 'done') {
      if (waits) this.all.count('took over');
      this.hold(key);
      return;
    }
    if (answer === 'duplicate') this.all.count(waits ? 'absorbed, was under way' : 'absorbed, was committed');
    if (answer === 'deadlock') this.all.count('deadlock');
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

function hexOf(values: Command['values']): string {
  return values.map((value) => value?.toString('hex')).join(' ');
}
