import { InvalidOptionError } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type Connection,
  type LibraryConnections,
  type QuarantinedCopy,
  type QuarantinedRow,
  countQuarantinedCopy,
  type ListedQuarantined,
  decideQuarantined,
  lockQuarantinedCopy,
  findQuarantined,
  insertQuarantined,
  listQuarantined,
} from '../storage/index.js';
import type { Landing } from './land.js';
import type { LandedBell } from './landed-bell.js';
import { refuseUnknownKeys } from './refuse-unknown-keys.js';
import type { Topics } from './topics.js';

export type QuarantineReason =
  /** Sent again after its inner-msg-id was forgotten (`retention.innerMsgIdWindowMs`): nobody knows whether it landed. */
  | 'forgotten'
  /** Another message came before under the same inner-msg-id. */
  | 'other-body';

/** A message that nobody can tell from a repeat: neither stored nor dropped. */
export interface QuarantinedMessage {
  /** What to release or discard it by. */
  id: string;
  topic: string;
  bizId: string;
  /** In hexadecimal digits, as the events and the tables have it. */
  innerMsgId: string;
  reason: QuarantineReason;
  /** How often this very copy has come. */
  copies: number;
  quarantinedAt: Date;
}

export interface QuarantineListOptions {
  /** From 1 to 1000. @default 100 */
  limit?: number;
  /** The id of the last one of the page before. */
  after?: string;
}

/** Messages about which an operator has to decide. */
export class Quarantine {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly topics: Topics,
    private readonly landing: Landing,
    private readonly bell: LandedBell,
    private readonly events: IdempotentMqEvents,
  ) {}

  /**
   * A page, newest first.
   *
   * @throws InvalidOptionError naming the option and what came
   */
  async list(page: QuarantineListOptions = {}): Promise<QuarantinedMessage[]> {
    if (typeof page !== 'object' || page === null) {
      throw new InvalidOptionError('quarantine.list(page)', page, 'an object, or left out');
    }
    refuseUnknownKeys('quarantine.list', page, ['limit', 'after']);
    const { limit = 100, after } = page;
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000) {
      throw new InvalidOptionError('quarantine.list({ limit })', limit, 'a whole number from 1 to 1000');
    }
    const before = after === undefined ? undefined : quarantineNumber('quarantine.list({ after })', after);
    const { database } = this.connections;
    return (await this.connections.control((on) => listQuarantined(database, on, { before, limit }))).map(
      toMessage,
    );
  }

  /** One of them with its body, which is the JSON that was published. Undefined when it is not there (any more). */
  async get(id: string): Promise<(QuarantinedMessage & { body: string }) | undefined> {
    const row = await this.find('quarantine.get(id)', id);
    return row && { ...toMessage(row), body: row.body.toString('utf8') };
  }

  /**
   * Lands it as a message of its own: for one that never landed, or where a second delivery does no harm because its
   * consumers are idempotent. It keeps the time at which it came: while it waited here, its biz-id was not forgotten.
   *
   * @returns false when it is not there (any more)
   */
  async release(id: string): Promise<boolean> {
    const found = await this.find('quarantine.release(id)', id);
    if (!found) return false;
    await this.topics.idOf(found.topic);
    const { database } = this.connections;
    const { topic } = found;
    const parked = await this.connections.controlTransaction(async (on) => {
      if (!(await decideQuarantined(database, on, found.id, 'released'))) return undefined;
      return this.landing.land(on, topic, [{ ...found, landedAt: found.quarantinedAt }]);
    });
    if (parked === undefined) return false;
    const ids = { bizId: found.bizId.toString('utf8'), innerMsgId: found.innerMsgId.toString('hex') };
    this.events.emit({ type: 'landed', topic, ...ids });
    if (parked > 0) this.events.emit({ type: 'parked', topic, count: parked });
    this.bell.ring([{ topic, keyed: found.orderingKey !== undefined }]);
    return true;
  }

  /** Drops it for good: for one that has landed before. @returns false when it is not there (any more) */
  async discard(id: string): Promise<boolean> {
    const { database } = this.connections;
    const number = quarantineNumber('quarantine.discard(id)', id);
    return this.connections.controlTransaction((on) => decideQuarantined(database, on, number, 'discarded'));
  }

  /**
   * @internal In the transaction that could not tell.
   *
   * @returns false where an operator has decided about this very copy: it was sent again because its ACK got lost
   */
  async keep(on: Connection, copy: QuarantinedCopy, reason: QuarantineReason): Promise<boolean> {
    const { database } = this.connections;
    const known = await lockQuarantinedCopy(database, on, copy);
    if (known) await countQuarantinedCopy(database, on, known.id);
    else await insertQuarantined(database, on, copy, reason);
    return !known?.decided;
  }

  private async find(call: string, id: string): Promise<QuarantinedRow | undefined> {
    const { database } = this.connections;
    const number = quarantineNumber(call, id);
    return this.connections.control((on) => findQuarantined(database, on, number));
  }
}

/** @throws InvalidOptionError where there can be no such id */
export function quarantineNumber(call: string, id: unknown): number {
  if (typeof id !== 'string' || !/^\d{1,15}$/.test(id)) {
    throw new InvalidOptionError(call, id, "the id of a quarantined message, such as '17'");
  }
  return Number(id);
}

function toMessage(row: ListedQuarantined): QuarantinedMessage {
  const { id, topic, bizId, innerMsgId, reason, copies, quarantinedAt } = row;
  return {
    id: String(id),
    topic,
    bizId: bizId.toString('utf8'),
    innerMsgId: innerMsgId.toString('hex'),
    reason: reason as QuarantineReason,
    copies,
    quarantinedAt: new Date(quarantinedAt / 1000),
  };
}
