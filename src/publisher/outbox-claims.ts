import { randomBytes } from 'node:crypto';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type Connection,
  type LibraryConnections,
  type LeasedRow,
  type OutboxOrigin,
  type OutboxTable,
  type SendableRow,
  countClaim,
  deleteSent,
  findDueOutbox,
  findFirstOfKeys,
  findOrigin,
  findOutboxWork,
  findSendable,
  findSendableKeys,
  handBackUnsent,
  leaseOutbox,
  lockOrigin,
  markAllMaybeSent,
  moveDueOutbox,
  postponeOutbox,
  readLeased,
  renewInnerMsgId,
} from '../storage/index.js';
import type { Acceptance } from '../transport/port.js';
import { ConfigurationError } from '../errors/index.js';
import { ClaimCursor } from '../waiting/index.js';
import { freshIdsOf } from './fresh-ids.js';

/** Rows of the outbox that one relay has to send, until its lease ends. */
export interface OutboxClaim {
  origin: Buffer;
  claims: number;
  /** 16 bytes: the lease token. */
  token: Buffer;
  rows: LeasedRow[];
}

const DUE_BATCH = 200;
/** Keys of one claim. */
const KEYS = 50;
/** Rows of one look at the keys: so many of them, or one at least, however many messages wait behind its first. */
const ROWS = 200;
/** Looks of one claim: the next one goes on where this one has come to. */
const LOOKS = 10;
const FIRST_KEY = Buffer.alloc(0);
/** Bodies of one shipment. */
const SHIPMENT_BYTES = 4 * 1024 * 1024;

/** Who sends what: any number of relays, in any number of processes, each row with one of them at a time. */
export class OutboxClaims {
  /** Keys get their turn one after the other. */
  private keyCursor: Buffer = FIRST_KEY;
  /** Those without a key are looked for behind this one: deleted rows before it cost time as long as an old snapshot needs them. */
  private readonly cursor = new ClaimCursor();
  /** When something below it is to be sent again. By a clock that nobody sets. */
  private againAt = Infinity;
  private atEnd = true;

  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
  ) {}

  /** Brings in what was scheduled and is due. @returns whether there is anything to send */
  async poll(): Promise<boolean> {
    const { database } = this.connections;
    // Numbers commit out of order, and what is sent again is below the cursor: but what can't be sent must not keep the
    // others from their turn, so it goes through to the end first.
    if (this.atEnd) this.lookBack();
    const { plain, keyed, due } = await this.connections.control(async (on) => {
      const { sendable, ...work } = await this.findWork(on);
      // A claim is a question to the broker: not for keys that all wait to be sent again.
      const keyed = !sendable && work.keyed && (await this.hasSendableKey(on));
      return { plain: sendable, keyed, due: work.due };
    });
    if (!plain) {
      // A claim that was full may have been the last of them.
      this.atEnd = true;
      this.cursor.nothingBehind();
    }
    const sendable = plain || keyed;
    if (!due) return sendable;
    const moved = await this.connections.controlTransaction(async (on) => {
      const keys = await findDueOutbox(database, on, DUE_BATCH);
      if (keys.length > 0) await moveDueOutbox(database, on, keys);
      return keys.length;
    });
    return sendable || moved > 0;
  }

  private lookBack(): void {
    if (performance.now() >= this.againAt) {
      this.againAt = Infinity;
      this.cursor.startOver();
    }
    this.cursor.lookBackIfDue();
  }

  private async findWork(on: Connection): ReturnType<typeof findOutboxWork> {
    let failed = true;
    try {
      const work = await findOutboxWork(this.connections.database, on, { after: this.cursor.after });
      failed = false;
      return work;
    } finally {
      this.cursor.stepIsOver({ failed });
    }
  }

  /** By which the broker knows this outbox. */
  async origin(): Promise<Buffer> {
    const { database } = this.connections;
    const origin = await this.connections.control((on) => findOrigin(database, on));
    if (origin) return origin;
    throw new ConfigurationError(
      `The row of ${database.tables.outbox_origin} is gone, which the migrations made. Restore it from a backup: without it the broker takes what is sent again for new.`,
    );
  }

  /**
   * Takes rows to send. It commits that they may have been sent before a byte of them leaves: from then on their
   * inner-msg-ids stay what they are. Those that were certainly never sent get fresh ones where the broker may have
   * forgotten, or would take for the future, what they have.
   *
   * @param acceptance what the broker said after `origin()` and before this
   * @param ifUntouched takes nothing unless the last claim of this outbox is the one that the broker knows of: what the
   * broker said a moment ago still holds then, and no backup from before that claim can have been restored
   */
  async claim(
    acceptance: Acceptance,
    { limit, leaseMs, ifUntouched = false }: { limit: number; leaseMs: number; ifUntouched?: boolean },
  ): Promise<OutboxClaim | undefined> {
    const { database } = this.connections;
    const token = randomBytes(16);
    let restored: { claims: number; knownClaims: number } | undefined;
    let leased: LeasedRow[] = [];
    const claiming = this.connections.controlTransaction(async (on) => {
      restored = undefined;
      leased = [];
      const outbox = (await lockOrigin(database, on))!;
      refuseOtherBroker(outbox, acceptance);
      const { knownClaims } = acceptance;
      if (ifUntouched && outbox.claims !== knownClaims) return undefined;
      if (outbox.claims < knownClaims) {
        restored = { claims: outbox.claims, knownClaims };
        await markAllMaybeSent(database, on);
      }
      const claims = Math.max(outbox.claims, knownClaims) + 1;
      const found = withinBytes(await this.findRows(on, limit, claims % 2 === 0));
      if (found.length > 0 || restored) await countClaim(database, on, { claims, broker: acceptance.broker });
      if (found.length === 0) return undefined;
      await this.renewIds(on, found, acceptance);
      const rows: LeasedRow[] = [];
      for (const those of byTable(found)) {
        await leaseOutbox(database, on, { ...those, token, leaseMs });
        rows.push(...(await readLeased(database, on, those)));
      }
      if (rows.length !== found.length) {
        throw new Error(
          `Of ${found.length} rows of the outbox that were leased, ${rows.length} could be read.`,
        );
      }
      leased = rows;
      const plain = rows.filter(({ table }) => table === 'outbox').map(({ seq }) => seq);
      if (plain.length > 0) this.cursor.moveTo(Math.max(...plain));
      return { origin: outbox.origin, claims, token, rows };
    });
    const claim = await claiming.catch(async (error: unknown) => {
      // Its COMMIT may have got no answer: nobody would send them until the lease ends.
      await this.handBack({ token }, leased).catch(() => undefined);
      throw error;
    });
    if (restored) this.events.emit({ type: 'outbox-restored', ...restored });
    return claim;
  }

  /** Their ACK (3) has come. @returns how many of them were still this relay's */
  async acknowledged({ token }: OutboxClaim, rows: readonly LeasedRow[]): Promise<number> {
    if (rows.length === 0) return 0;
    const { database } = this.connections;
    return this.connections.controlTransaction(async (on) => {
      let deleted = 0;
      for (const those of byTable(rows)) deleted += await deleteSent(database, on, { ...those, token });
      return deleted;
    });
  }

  /** Those of the claim that were not sent: another relay may, at once. */
  async handBack({ token }: Pick<OutboxClaim, 'token'>, rows: readonly LeasedRow[]): Promise<void> {
    if (rows.length === 0) return;
    this.againAt = 0;
    const { database } = this.connections;
    await this.connections.controlTransaction(async (on) => {
      for (const those of byTable(rows)) await handBackUnsent(database, on, { ...those, token });
    });
  }

  /** To be sent again after `delayMs`. */
  async postpone({ token }: OutboxClaim, rows: readonly LeasedRow[], delayMs: number): Promise<void> {
    if (rows.length === 0) return;
    this.againAt = Math.min(this.againAt, performance.now() + delayMs);
    const { database } = this.connections;
    await this.connections.controlTransaction(async (on) => {
      for (const those of byTable(rows)) await postponeOutbox(database, on, { ...those, token, delayMs });
    });
  }

  /**
   * Half of the room for keys, if there are any. Who comes first takes turns: long bodies of the ones must not take the
   * room of the others each time. Another relay can't claim meanwhile: the origin's row is locked.
   */
  private async findRows(on: Connection, limit: number, keysFirst: boolean): Promise<SendableRow[]> {
    const { database } = this.connections;
    const keys = await this.findKeys(on, Math.max(1, Math.min(KEYS, Math.floor(limit / 2))));
    if (keys.length === 0) return this.findOthers(on, limit);
    const ofKey = Math.max(1, Math.floor(limit / 2 / keys.length));
    const keyed = await findFirstOfKeys(database, on, { keys, limit: ofKey });
    const room = limit - keyed.length;
    const others = room > 0 ? await this.findOthers(on, room) : [];
    return keysFirst ? [...keyed, ...others] : [...others, ...keyed];
  }

  private async hasSendableKey(on: Connection): Promise<boolean> {
    const from = this.keyCursor;
    const keys = await this.findKeys(on, 1);
    this.keyCursor = from;
    return keys.length > 0;
  }

  /** Goes round once at most, from where the last claim has come to. */
  private async findKeys(on: Connection, most: number): Promise<Buffer[]> {
    const { database } = this.connections;
    const keys: Buffer[] = [];
    let isRound = this.keyCursor.length === 0;
    for (let look = 0; look < LOOKS && keys.length < most; look++) {
      const found = await findSendableKeys(database, on, { after: this.keyCursor, rows: ROWS });
      const some = found.keys.slice(0, most - keys.length);
      keys.push(...some);
      const isCut = some.length < found.keys.length;
      this.keyCursor = (isCut ? some.at(-1) : found.last) ?? FIRST_KEY;
      if (isCut || found.last) continue;
      if (isRound || keys.length > 0) break;
      isRound = true;
    }
    return keys;
  }

  private async findOthers(on: Connection, limit: number): Promise<SendableRow[]> {
    const rows = await findSendable(this.connections.database, on, { after: this.cursor.after, limit });
    this.atEnd = rows.length < limit;
    return rows;
  }

  private async renewIds(
    on: Connection,
    rows: readonly SendableRow[],
    acceptance: Acceptance,
  ): Promise<void> {
    const { database } = this.connections;
    const fresh = freshIdsOf(acceptance);
    for (const row of rows) {
      const innerMsgId = row.maybeSent ? undefined : fresh.insteadOf(row.innerMsgId);
      if (!innerMsgId) continue;
      await renewInnerMsgId(database, on, { ...row, innerMsgId });
    }
  }
}

/**
 * What an outbox has sent to one broker must not come to another: it would be new there. And what is published for the
 * consumers of the one would be parked at the other.
 */
function refuseOtherBroker({ broker }: OutboxOrigin, acceptance: Acceptance): void {
  if (!broker || broker.equals(acceptance.broker)) return;
  throw new ConfigurationError(
    'This outbox has sent to another broker so far than the one that the option broker names now, so nothing is sent. ' +
      "If that took the other one's place: npx nestjs-idempotent-mq broker-replaced, on the database of the outbox. " +
      'If both are in use: an outbox has one broker; give each its own tables (tablePrefix) or database.',
  );
}

/** One at least, however long it is, and none behind the first that has no room: it may be of the same key. */
function withinBytes(rows: readonly SendableRow[]): SendableRow[] {
  let bytes = 0;
  return rows.filter(({ size }, i) => (bytes += size) <= SHIPMENT_BYTES || i === 0);
}

function byTable(rows: readonly { table: OutboxTable; seq: number }[]) {
  const tables = [...new Set(rows.map(({ table }) => table))];
  return tables.map((table) => ({
    table,
    seqs: rows.filter((row) => row.table === table).map(({ seq }) => seq),
  }));
}
