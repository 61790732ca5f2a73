import { createHash } from 'node:crypto';
import {
  type AttemptRecord,
  type LibraryConnections,
  findAccepted,
  insertAccepted,
  insertDeadLetter,
  insertKeyed,
  insertMessages,
  insertReady,
  insertWaiting,
} from '../storage/index.js';
import { bodyHashOf } from './body-hash.js';
import type { IncomingMessage } from './land.js';
import type { LandedBell } from './landed-bell.js';
import type { Topics } from './topics.js';

/** A delivery of another engine, which that engine has handed to one group. */
export interface DeliveryToSetAside {
  subscription: { id: number; topic: string; group: string };
  message: IncomingMessage;
  attempt: AttemptRecord;
}

/** To be handed out again after so many milliseconds, or not until an operator decides. */
export type Aside = { delayMs: number } | { reason: string };

/** Two processes that have the same delivery of the engine: the second one waits for the first, and looks again. */
const RACES = 5;

/**
 * What another engine can't do with a delivery (let it wait, count its attempts, keep it for an operator, hold a key's
 * order), these tables do: it moves here, for its one group, before the engine is told that it is done with. From then on it
 * is a delivery like any other.
 */
export class SettingAside {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly topics: Topics,
    private readonly bell: LandedBell,
  ) {}

  /**
   * Once for each message and group, however often the engine hands it out: durable when this resolves.
   *
   * @returns false when it was here before, whatever has become of it since
   */
  async setAside({ subscription, message, attempt }: DeliveryToSetAside, to: Aside): Promise<boolean> {
    const { database } = this.connections;
    const { topic } = subscription;
    const topicId = await this.topics.idOf(topic);
    const known = {
      innerMsgId: ownId(subscription, message.innerMsgId),
      bodyHash: bodyHashOf({ topic, ...message, expiresAt: message.expiresAt }),
    };
    const move = () =>
      this.connections.controlTransaction(async (on) => {
        if ((await findAccepted(database, on, [known.innerMsgId])).length > 0) return false;
        await insertAccepted(database, on, [known]);
        const { firstSeq: seq } = await insertMessages(database, on, [{ ...message, topicId }]);
        const delivery = { subscriptionId: subscription.id, seq };
        const { orderingKey } = message;
        if ('reason' in to) await insertDeadLetter(database, on, delivery, attempt, to.reason);
        else if (orderingKey)
          await insertKeyed(database, on, { ...delivery, orderingKey }, attempt, to.delayMs);
        else if (to.delayMs === 0) await insertReady(database, on, delivery, attempt);
        else await insertWaiting(database, on, delivery, attempt, to.delayMs);
        return true;
      });
    const isNew = await this.again(move);
    if (isNew && 'delayMs' in to) this.bell.ring([{ topic, keyed: message.orderingKey !== undefined }]);
    return isNew;
  }

  private async again(move: () => Promise<boolean>): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await move();
      } catch (error) {
        if (attempt >= RACES || !this.connections.database.dialect.isDuplicateKey(error)) throw error;
      }
    }
  }
}

/**
 * Each group has the message for itself, so what is remembered is (group, inner-msg-id). It begins with the time that the
 * inner-msg-id begins with, and so is forgotten with the others of that time.
 */
function ownId({ topic, group }: { topic: string; group: string }, innerMsgId: Buffer): Buffer {
  const hash = createHash('sha256');
  for (const part of [topic, group]) hash.update(`${part.length}:`).update(part);
  const own = hash.update(innerMsgId).digest().subarray(0, 16);
  innerMsgId.copy(own, 0, 0, 6);
  return own;
}
