import type { IdempotentMqEvents } from '../events/index.js';
import { type LibraryConnections, deleteMessages, findUnneeded, messagesAfter } from '../storage/index.js';

const BATCH = 500;
/** How many messages are remembered while they can't be deleted. */
const KEPT = 50_000;
/** In milliseconds. */
const RETRY_MS = 1_000;

/**
 * Step 6: the broker deletes what nobody needs any more. After the ACK's commit and in batches, because two last ACKs
 * that delete in their own transactions deadlock, or each leave it to the other.
 */
export class Dropping {
  private finished = new Set<number>();
  private timer: NodeJS.Timeout | undefined;
  private inFlight: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
    private readonly delayMs: number,
  ) {}

  /** The delivery of this message is through, so perhaps nobody needs it any more. */
  note(seq: number): void {
    this.finished.add(seq);
    if (this.closed) return;
    if (this.finished.size === BATCH) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), this.delayMs).unref();
  }

  /** Deletes what was noted so far. */
  async drain(): Promise<void> {
    this.flush();
    await this.inFlight;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.drain();
  }

  /** Of messages that were noted by a process that died: one batch behind `after`. @returns the last one looked at */
  async sweep(after: number): Promise<number | undefined> {
    const { database } = this.connections;
    const seqs = await this.connections.control((on) => messagesAfter(database, on, { after, limit: BATCH }));
    await this.dropUnneeded(seqs);
    return seqs.length < BATCH ? undefined : seqs.at(-1);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    // No more than a statement takes.
    const seqs = [...this.finished].slice(0, 10 * BATCH);
    for (const seq of seqs) this.finished.delete(seq);
    if (seqs.length === 0) return;
    if (this.finished.size > 0) this.timer = setTimeout(() => this.flush(), this.delayMs).unref();
    this.inFlight = this.inFlight.then(() => this.dropUnneeded(seqs)).catch(() => this.postpone(seqs));
  }

  /** The database is away or busy. Beyond a limit, and after the close, it is left to the sweeper. */
  private postpone(seqs: readonly number[]): void {
    if (this.closed || this.finished.size > KEPT) return;
    for (const seq of seqs) this.finished.add(seq);
    this.timer ??= setTimeout(() => this.flush(), RETRY_MS).unref();
  }

  private async dropUnneeded(seqs: readonly number[]): Promise<void> {
    if (seqs.length === 0) return;
    const { database } = this.connections;
    const unneeded = await this.connections.control((on) => findUnneeded(database, on, seqs));
    if (unneeded.length === 0) return;
    const count = await this.connections.controlTransaction((on) => deleteMessages(database, on, unneeded));
    if (this.events.wants('message-dropped')) this.events.emit({ type: 'message-dropped', count });
  }
}
