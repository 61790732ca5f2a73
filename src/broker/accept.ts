import { SchemaMissingError } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type AcceptedId,
  type Connection,
  type Database,
  type LibraryConnections,
  type QuarantinedCopy,
  type StatementLimits,
  deleteAccepted,
  findAccepted,
  findKnownClaims,
  fitsPacket,
  insertAccepted,
  insertKnownOrigin,
  raiseKnownClaims,
  readAcceptance,
  readFloor,
  wireSize,
} from '../storage/index.js';
import { isName, NAME_RULE } from '../topic/index.js';
import { type SentCopy, bodyHashOf } from './body-hash.js';
import type { Landing } from './land.js';
import type { LandedBell } from './landed-bell.js';
import { type QuarantineReason, type Quarantine } from './quarantine.js';
import type { Topics } from './topics.js';

export interface IncomingShipment {
  origin: Buffer;
  claims: number;
  messages: readonly SentCopy[];
}

type Answer = { kind: 'landed' | 'duplicate' | 'quarantined' } | { kind: 'refused'; reason: string };

interface Judged extends QuarantinedCopy {
  formerId?: Buffer | undefined;
  answer: Answer | undefined;
  reason?: QuarantineReason;
}

/** Two relays that send the same id at the same moment: the second one waits for the first, and looks again. */
const RACES = 5;

/** Step 2 for what a relay sends: one message stored for each inner-msg-id, however often it comes. */
export class Accepting {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly topics: Topics,
    private readonly landing: Landing,
    private readonly quarantine: Quarantine,
    private readonly bell: LandedBell,
    private readonly events: IdempotentMqEvents,
    private readonly options: { windowMs: number; limits: StatementLimits },
  ) {}

  async accept(shipment: IncomingShipment): Promise<Answer[]> {
    const { dialect } = this.connections.database;
    const inspected = keepOrder(shipment.messages.map((message) => this.inspect(message)));
    // Before the transaction: an unknown topic takes one of its own.
    for (const copy of inspected) if (!copy.answer) await this.topics.idOf(copy.topic);
    for (let attempt = 1; ; attempt++) {
      try {
        const { copies, parked } = await this.connections.controlTransaction(async (on) => {
          // Anew each time that it begins: an answer of one that was rolled back would pass for this one's.
          const copies = inspected.map((copy) => ({ ...copy }));
          return { copies, parked: await this.decide(on, copies, shipment) };
        });
        this.tell(copies, parked);
        return copies.map(({ answer }) => answer!);
      } catch (error) {
        if (attempt >= RACES || !dialect.isDuplicateKey(error)) throw error;
      }
    }
  }

  async acceptance(origin: Buffer) {
    const { database } = this.connections;
    const { broker, ...known } = await this.connections.control((on) => readAcceptance(database, on, origin));
    if (broker) return { ...known, broker, windowMs: this.options.windowMs };
    throw new SchemaMissingError(
      `The row of ${database.tableNames.outbox_origin} in the broker's database is gone, which the migrations made and by which outboxes know this broker. Restore it from a backup.`,
    );
  }

  private inspect(message: SentCopy): Judged {
    const copy = { ...message, bodyHash: bodyHashOf(message) };
    const size = wireSize(message);
    const { packetBytes } = this.options.limits;
    if (!isName(message.topic)) {
      return { ...copy, answer: refused(`its topic's name must be ${NAME_RULE}`) };
    }
    if (!fitsPacket(size, this.options.limits)) {
      const reason = `it takes ${size} bytes on the wire, more than the broker's database accepts in one packet (max_allowed_packet = ${packetBytes})`;
      return { ...copy, answer: refused(reason) };
    }
    return { ...copy, answer: undefined };
  }

  /** @returns how many messages of which topic found no group */
  private async decide(
    on: Connection,
    copies: Judged[],
    { origin, claims }: IncomingShipment,
  ): Promise<Map<string, number>> {
    const { database } = this.connections;
    const fresh = await this.withoutRepeats(on, copies);
    if (fresh.length > 0) await insertAccepted(database, on, fresh.flatMap(idsOf));
    // After the ids are in: read before, an id that is forgotten in between would land twice.
    const floor = (await readFloor(database, on))?.floor;
    const forgotten = floor ? fresh.filter(({ innerMsgId }) => innerMsgId.compare(floor) <= 0) : [];
    if (forgotten.length > 0) {
      await deleteAccepted(
        database,
        on,
        forgotten.flatMap(idsOf).map(({ innerMsgId }) => innerMsgId),
      );
      for (const copy of forgotten) Object.assign(copy, QUARANTINED, { reason: 'forgotten' });
    }
    for (const copy of copies) {
      if (!copy.reason || (await this.quarantine.keep(on, copy, copy.reason))) continue;
      copy.answer = { kind: 'duplicate' };
    }
    const parked = await this.land(
      on,
      fresh.filter(({ answer }) => !answer),
    );
    await noteOrigin(database, on, { origin, claims });
    return parked;
  }

  /** Answers for those that were accepted before. @returns the others */
  private async withoutRepeats(on: Connection, copies: Judged[]): Promise<Judged[]> {
    const open = copies.filter(({ answer }) => !answer);
    if (open.length === 0) return [];
    const ids = open.flatMap(idsOf).map(({ innerMsgId }) => innerMsgId);
    const accepted = new Map(
      (await findAccepted(this.connections.database, on, ids)).map((row) => [
        row.innerMsgId.toString('hex'),
        row.bodyHash,
      ]),
    );
    return open.filter((copy) => {
      const own = idsOf(copy).map(({ innerMsgId }) => innerMsgId.toString('hex'));
      const known = own.map((id) => accepted.get(id)).find((hash) => hash);
      // The same id twice in one shipment is a repeat as well.
      if (!known) for (const id of own) accepted.set(id, copy.bodyHash);
      else if (known.equals(copy.bodyHash)) copy.answer = { kind: 'duplicate' };
      else Object.assign(copy, QUARANTINED, { reason: 'other-body' });
      return !known;
    });
  }

  private async land(on: Connection, copies: readonly Judged[]): Promise<Map<string, number>> {
    const parked = new Map<string, number>();
    for (const batch of batchesInOrder(copies)) {
      const { topic } = batch[0]!;
      const count = await this.landing.land(on, topic, batch);
      if (count > 0) parked.set(topic, (parked.get(topic) ?? 0) + count);
      for (const copy of batch) copy.answer = { kind: 'landed' };
    }
    return parked;
  }

  private tell(copies: readonly Judged[], parked: ReadonlyMap<string, number>): void {
    for (const copy of copies) {
      const { answer, reason } = copy;
      if (answer?.kind === 'landed' && this.events.wants('landed'))
        this.events.emit({ type: 'landed', ...about(copy) });
      if (answer?.kind === 'duplicate' && this.events.wants('resend-absorbed'))
        this.events.emit({ type: 'resend-absorbed', ...about(copy) });
      if (answer?.kind === 'quarantined')
        this.events.emit({ type: 'quarantined', reason: reason!, ...about(copy) });
    }
    for (const [topic, count] of parked) this.events.emit({ type: 'parked', topic, count });
    const landed = copies.filter(({ answer }) => answer?.kind === 'landed');
    this.bell.ring(landed.map(({ topic, orderingKey }) => ({ topic, keyed: orderingKey !== undefined })));
  }
}

function about({ topic, bizId, innerMsgId }: Judged) {
  return { topic, bizId: bizId.toString('utf8'), innerMsgId: innerMsgId.toString('hex') };
}

/** Both are accepted together: in a restored backup the message has the former one, and lands no second time under it. */
function idsOf({ innerMsgId, formerId, bodyHash }: Judged): AcceptedId[] {
  const ids = [{ innerMsgId, bodyHash }];
  return formerId ? [...ids, { innerMsgId: formerId, bodyHash }] : ids;
}

/** What one statement can land together: the messages of a key are all in one batch, in their order. */
function batchesInOrder(copies: readonly Judged[]): Judged[][] {
  const batches = new Map<string, Judged[]>();
  for (const copy of copies) {
    const alike = `${copy.orderingKey ? 'keyed' : 'plain'} ${copy.topic}`;
    const before = batches.get(alike);
    if (before) before.push(copy);
    else batches.set(alike, [copy]);
  }
  return [...batches.values()];
}

const QUARANTINED = { answer: { kind: 'quarantined' } } as const;

/** What follows a refused message of its key stays with the sender too. */
function keepOrder(copies: Judged[]): Judged[] {
  const held = new Set<string>();
  for (const copy of copies) {
    if (!copy.orderingKey) continue;
    const key = `${copy.topic} ${copy.orderingKey.toString('hex')}`;
    if (copy.answer) held.add(key);
    else if (held.has(key))
      copy.answer = refused('a message before it, of the same ordering key, is refused');
  }
  return copies;
}

function refused(reason: string): Answer {
  return { kind: 'refused', reason };
}

async function noteOrigin(
  database: Database,
  on: Connection,
  come: { origin: Buffer; claims: number },
): Promise<void> {
  const known = await findKnownClaims(database, on, come.origin);
  if (known === undefined) await insertKnownOrigin(database, on, come);
  else if (known < come.claims) await raiseKnownClaims(database, on, come);
}
