import {
  type ClaimableRow,
  type Claimer,
  type Connection,
  type Database,
  type KeyedDelivery,
  findFirsts,
  findHeads,
  findUnderWay,
  lockCandidates,
  lockTurn,
} from '../storage/index.js';

/** From which key on to look, and at which to stop, having gone round. The same ones: at every key once. */
export interface KeySearch {
  after: Buffer;
  until: Buffer;
}

/** Heads that may be had, in the order of their keys, and how far the look has come. */
export interface HeadsFound {
  heads: KeyedDelivery[];
  /** Where the next look goes on. */
  after: Buffer;
  /** Every key was looked at. */
  exhausted: boolean;
}

const FIRST_KEY = Buffer.alloc(0);
/** Rows of one look: so many keys, or one at least, however many wait behind its head. */
const ROWS = 200;
/** Looks of one claim, and heads that it finds at most: the next one goes on where this one has come to. */
const LOOKS = 10;
/** Each is a condition of one statement, and SQLite takes a thousand. */
const HEADS = 500;

/**
 * Step 4 for what has an ordering key: each key's deliveries stand in a line, and are handed out one at a time. A head that
 * waits to be tried again holds up its own line and no other.
 */
export class KeyedLines {
  constructor(private readonly database: Database) {}

  /**
   * Looks for heads, without locks and before it is this claim's turn: most looks of an idle worker find nothing. On the
   * claim's connection: behind a proxy that splits reads from writes, another one may lag.
   */
  async look(
    on: Connection,
    { subscriptionId }: Claimer,
    search: KeySearch,
    wanted: number,
  ): Promise<HeadsFound> {
    const most = Math.min(wanted, HEADS);
    const heads: KeyedDelivery[] = [];
    let { after } = search;
    // Below the key at which it began, it has gone round the end already.
    let isRound = after.compare(search.until) < 0;
    for (let look = 0; look < LOOKS && heads.length < most; look++) {
      const behind = { subscriptionId, after, rows: ROWS };
      const found = await findHeads(this.database, on, behind);
      for (const { orderingKey, seq, available } of found.heads) {
        if (isRound && orderingKey.compare(search.until) > 0) return { heads, after, exhausted: true };
        if (heads.length === most) return { heads, after, exhausted: false };
        if (available) heads.push({ orderingKey, seq });
        after = orderingKey;
      }
      if (found.last) continue;
      if (isRound || search.until.length === 0) return { heads, after: FIRST_KEY, exhausted: true };
      [after, isRound] = [FIRST_KEY, true];
    }
    // Having gone round, it may have come to the very key at which it began.
    const isThere = isRound && after.compare(search.until) >= 0 && heads.length < most;
    return { heads, after, exhausted: isThere };
  }

  /**
   * In the claim's transaction: whatever of a key is under way comes first, and holds up its head. That is known for sure
   * only in the subscription's turn.
   */
  async claim(on: Connection, claimer: Claimer, heads: readonly KeyedDelivery[]): Promise<ClaimableRow[]> {
    const { database } = this;
    const { subscriptionId } = claimer;
    if (heads.length === 0 || !(await lockTurn(database, on, claimer))) return [];
    const keys = heads.map(({ orderingKey }) => orderingKey);
    const underWay = new Map(
      (await findUnderWay(database, on, { subscriptionId, keys })).map((row) => [
        row.orderingKey.toString('hex'),
        row,
      ]),
    );
    // Since the look, an earlier one may have come in (requeued, or of a slower transaction), and even be back in its line.
    const firsts = new Map(
      (await findFirsts(database, on, { subscriptionId, keys })).map(({ orderingKey, seq }) => [
        orderingKey.toString('hex'),
        seq,
      ]),
    );
    const those = heads.flatMap((head) => {
      const key = head.orderingKey.toString('hex');
      const candidate = underWay.get(key) ?? (firsts.get(key) === head.seq ? head : undefined);
      return candidate ? [candidate] : [];
    });
    if (those.length === 0) return [];
    return lockCandidates(database, on, { subscriptionId, those });
  }

  /** One delivery that once lost its lease; undefined where another of its key is under way. */
  async claimOne(
    on: Connection,
    claimer: Claimer,
    { orderingKey, seq }: KeyedDelivery,
  ): Promise<ClaimableRow | undefined> {
    const rows = await this.claim(on, claimer, [{ orderingKey, seq }]);
    return rows.find((row) => row.seq === seq);
  }
}
