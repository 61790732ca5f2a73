import { randomBytes } from 'node:crypto';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type Connection,
  type LibraryConnections,
  type LeasedRow,
  type SendableRow,
  countClaim,
  deleteSent,
  findDueOutbox,
  findOrigin,
  findOutboxWork,
  findSendable,
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
/** Bodies of one shipment. */
const SHIPMENT_BYTES = 4 * 1024 * 1024;

/** Who sends what: any number of relays, in any number of processes, each row with one of them at a time. */
export class OutboxClaims {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
  ) {}

  /** Brings in what was scheduled and is due. @returns whether there is anything to send */
  async poll(): Promise<boolean> {
    const { database } = this.connections;
    const { sendable, due } = await this.connections.control((on) => findOutboxWork(database, on));
    if (!due) return sendable;
    const moved = await this.connections.controlTransaction(async (on) => {
      const keys = await findDueOutbox(database, on, DUE_BATCH);
      if (keys.length > 0) await moveDueOutbox(database, on, keys);
      return keys.length;
    });
    return sendable || moved > 0;
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
   */
  async claim(
    acceptance: Acceptance,
    { limit, leaseMs }: { limit: number; leaseMs: number },
  ): Promise<OutboxClaim | undefined> {
    const { database } = this.connections;
    const token = randomBytes(16);
    let restored: { claims: number; knownClaims: number } | undefined;
    const claim = await this.connections.controlTransaction(async (on) => {
      restored = undefined;
      const outbox = (await lockOrigin(database, on))!;
      const { knownClaims } = acceptance;
      if (outbox.claims < knownClaims) {
        restored = { claims: outbox.claims, knownClaims };
        await markAllMaybeSent(database, on);
      }
      const claims = Math.max(outbox.claims, knownClaims) + 1;
      const found = withinBytes(await findSendable(database, on, limit));
      if (found.length > 0 || restored) await countClaim(database, on, claims);
      if (found.length === 0) return undefined;
      await this.renewIds(on, found, acceptance);
      const seqs = found.map(({ seq }) => seq);
      await leaseOutbox(database, on, { seqs, token, leaseMs });
      return { origin: outbox.origin, claims, token, rows: await readLeased(database, on, seqs) };
    });
    if (restored) this.events.emit({ type: 'outbox-restored', ...restored });
    return claim;
  }

  /** Their ACK (3) has come. @returns how many of them were still this relay's */
  async acknowledged({ token }: OutboxClaim, seqs: readonly number[]): Promise<number> {
    if (seqs.length === 0) return 0;
    const { database } = this.connections;
    return this.connections.controlTransaction((on) => deleteSent(database, on, { seqs, token }));
  }

  async postpone({ token }: OutboxClaim, seqs: readonly number[], delayMs: number): Promise<void> {
    if (seqs.length === 0) return;
    const { database } = this.connections;
    await this.connections.controlTransaction((on) => postponeOutbox(database, on, { seqs, token, delayMs }));
  }

  /** For an operator who has restored a backup, and doesn't want to wait until a relay notices. */
  async markRestored(): Promise<void> {
    const { database } = this.connections;
    await this.connections.controlTransaction((on) => markAllMaybeSent(database, on));
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
      await renewInnerMsgId(database, on, { seq: row.seq, innerMsgId });
    }
  }
}

/** One at least, however long it is. */
function withinBytes(rows: readonly SendableRow[]): SendableRow[] {
  let bytes = 0;
  return rows.filter(({ size }, i) => (bytes += size) <= SHIPMENT_BYTES || i === 0);
}
