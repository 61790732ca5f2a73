import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pool, RowDataPacket } from 'mysql2/promise';
import { withConnection } from '../business/mysql.js';
import type { Claimed } from './raw.js';

const NOW = 'CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)';
const LEASE_MICROSECONDS = 30_000_000;
const POLL_MS = 200;
const DROP_BATCH = 100;

/** What is claimed and not begun yet, and messages that are done and not dropped yet: both in batches, as the library does it. */
export class Backlog {
  private readonly claimed: Claimed[] = [];
  private readonly waiting: ((claimed: Claimed | undefined) => void)[] = [];
  private readonly doneSeqs: number[] = [];
  private readonly dropping: Promise<void>[] = [];
  private readonly claiming: Promise<void>;
  private cursor = 0;
  private stopped = false;
  private bell: () => void = () => undefined;
  private rung = false;

  constructor(
    private readonly pool: Pool,
    private readonly batch: number,
  ) {
    this.claiming = this.keepClaiming();
  }

  /** @returns undefined when there will be nothing more */
  next(): Promise<Claimed | undefined> {
    const claimed = this.claimed.shift();
    if (this.claimed.length < this.batch / 2) this.ring();
    if (claimed || this.stopped) return Promise.resolve(this.stopped ? undefined : claimed);
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  ring(): void {
    this.rung = true;
    this.bell();
  }

  done(seq: number): void {
    this.doneSeqs.push(seq);
    if (this.doneSeqs.length >= DROP_BATCH) this.drop();
  }

  stop(): void {
    this.stopped = true;
    this.ring();
    for (const resolve of this.waiting.splice(0)) resolve(undefined);
  }

  async close(): Promise<void> {
    await this.claiming;
    this.drop();
    await Promise.all(this.dropping);
    await this.pool.end();
  }

  private drop(): void {
    const seqs = this.doneSeqs.splice(0);
    if (seqs.length === 0) return;
    this.dropping.push(this.pool.query('DELETE FROM message WHERE seq IN (?)', [seqs]).then(() => undefined));
  }

  private async keepClaiming(): Promise<void> {
    while (!this.stopped) {
      this.rung = false;
      const found = this.claimed.length < this.batch / 2 ? await this.claim() : this.batch;
      if (found < this.batch || this.claimed.length >= this.batch / 2) await this.wait();
    }
  }

  /** Until it rings. Commits come out of order: an empty look begins anew from the start next time. */
  private async wait(): Promise<void> {
    if (this.rung) return;
    const ended = new AbortController();
    const rings = new Promise<void>((resolve) => (this.bell = resolve));
    await Promise.race([rings, pause(POLL_MS, undefined, { signal: ended.signal }).catch(() => undefined)]);
    ended.abort();
  }

  private async claim(): Promise<number> {
    const token = randomBytes(16);
    const found = await withConnection(this.pool, async (connection) => {
      await connection.query('START TRANSACTION');
      const [rows] = await connection.query<RowDataPacket[]>(
        `SELECT seq FROM delivery WHERE subscription_id = 1 AND seq > ? AND available_at <= ${NOW}
         ORDER BY seq LIMIT ${this.batch} FOR UPDATE SKIP LOCKED`,
        [this.cursor],
      );
      const seqs = rows.map(({ seq }) => Number(seq));
      if (seqs.length > 0) {
        await connection.query(
          `UPDATE delivery SET token = ?, available_at = ${NOW} + ${LEASE_MICROSECONDS} WHERE subscription_id = 1 AND seq IN (?)`,
          [token, seqs],
        );
      }
      await connection.query('COMMIT');
      return seqs;
    });
    this.cursor = found.length === this.batch ? found.at(-1)! : 0;
    if (found.length === 0) return 0;
    const [messages] = await this.pool.query<RowDataPacket[]>(
      'SELECT seq, body FROM message WHERE seq IN (?)',
      [found],
    );
    for (const { seq, body } of messages) {
      const { paymentId } = JSON.parse((body as Buffer).toString()) as { paymentId: string };
      this.hand({ seq: Number(seq), paymentId, token });
    }
    return found.length;
  }

  private hand(claimed: Claimed): void {
    const resolve = this.waiting.shift();
    if (resolve) resolve(claimed);
    else this.claimed.push(claimed);
  }
}
