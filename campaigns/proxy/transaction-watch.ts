/** A COMMIT of the protocol. */
export type Place =
  /** The business's transaction: payment and message (1; in one database also 2 and 3). */
  | 'publish'
  /** A relay takes rows of the outbox to send. */
  | 'relay-claim'
  /** The broker stores what a relay sent (2, 3). */
  | 'land'
  /** A relay deletes what was acknowledged. */
  | 'relay-done'
  /** A worker takes deliveries (4). */
  | 'claim'
  /** Dedup row and effect; in one database also the ACK (5). */
  | 'consume'
  /** The ACK by itself (5). */
  | 'ack';

/** By what a transaction wrote. The first that fits counts. */
const SIGNS: readonly [Place, RegExp][] = [
  ['publish', /INSERT INTO .?payment/i],
  ['relay-claim', /UPDATE .?mq_outbox(_keyed)?.?\s+SET token/i],
  ['land', /INSERT INTO .?mq_accepted/i],
  ['relay-done', /(DELETE FROM|JOIN) .?mq_outbox(_keyed)?.?\s/i],
  ['claim', /UPDATE .?mq_delivery(_keyed)?.?\s+(FORCE INDEX \(PRIMARY\)\s+)?SET lost_leases/i],
  ['consume', /INSERT INTO .?(mq_dedup|own_dedup|card)/i],
  ['ack', /DELETE FROM .?mq_delivery/i],
];

const COMMIT = /^COMMIT/;
const ENDS = /^(ROLLBACK(?! TO\b)|START TRANSACTION)/;

/** Follows one connection, and knows what each COMMIT is for. */
export class TransactionWatch {
  private readonly seen = new Set<Place>();

  /** @returns the place of the protocol, if this statement is its COMMIT */
  see(sql: string): Place | undefined {
    if (COMMIT.test(sql)) return this.end();
    if (ENDS.test(sql)) this.end();
    this.note(sql);
    return undefined;
  }

  note(sql: string): void {
    for (const [place, sign] of SIGNS) if (sign.test(sql)) this.seen.add(place);
  }

  end(): Place | undefined {
    const place = SIGNS.map(([name]) => name).find((name) => this.seen.has(name));
    this.seen.clear();
    return place;
  }
}
