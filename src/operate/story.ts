import type { AttemptError } from '../storage/index.js';

/** What became of a biz-id in a topic. */
export interface Findings {
  topic: string;
  bizId: string;
  /** One for each message of that biz-id of which a trace is left, the latest first. None: unknown, or forgotten. */
  messages: MessageStory[];
  /**
   * How long it is remembered that a message took effect, in milliseconds: the shortest time of the topic's scenarios. What
   * is older may have been forgotten. Undefined: nobody who deduplicates has been here.
   */
  rememberedMs: number | undefined;
  /** Whether it was looked everywhere. If not, that nothing was found says nothing; the notes say why. */
  isComplete: boolean;
  /** What was not looked at, and why: a broker that is away, or more rows than could be read within the time. */
  notes: string[];
}

/** One message, at every stage at which there is something of it. */
export interface MessageStory {
  topic: string;
  bizId: string;
  /** In hexadecimal digits. Undefined when all that is left is that it took effect. */
  innerMsgId: string | undefined;
  /** The broker's number for it; undefined before it has landed. */
  seq: number | undefined;
  orderingKey: string | undefined;
  expiresAt: Date | undefined;
  /** In the order of its way: outbox, quarantine, landed, then group by group. */
  stages: Stage[];
}

export type Stage =
  | InOutbox
  | Quarantined
  | Landed
  | Parked
  | Ready
  | InFlight
  | Scheduled
  | Retrying
  | Dead
  | Done
  | Torn
  | Acknowledged;

/** It waits in its publisher's database for the ACK (3) of the broker. Why it was refused is in the log of its relay. */
export interface InOutbox {
  stage: 'outbox';
  /** `sent`: and not acknowledged yet. */
  state: 'scheduled' | 'waiting' | 'sent';
  /** By the clock of whoever published it. */
  publishedAt: Date;
  /** How often it was sent. */
  sends: number;
  firstSentAt: Date | undefined;
  /** When it may be sent (again). */
  nextAt: Date | undefined;
}

/** The broker can't tell it from a repeat. */
export interface Quarantined {
  stage: 'quarantined';
  /** What to release or discard it by. */
  id: string;
  reason: string;
  copies: number;
  since: Date;
  /** Undefined as long as nobody has decided. */
  decision: 'released' | 'discarded' | undefined;
  decidedAt: Date | undefined;
}

/** The broker has stored it. */
export interface Landed {
  stage: 'landed';
  at: Date;
}

/** No group has taken it yet. */
export interface Parked {
  stage: 'parked';
  since: Date;
  /** When it is to be delivered; undefined: at once. */
  deliverAt: Date | undefined;
}

interface OfGroup {
  group: string;
}

interface Tried {
  /** Attempts that a handler ended with an error. */
  failures: number;
  /** Attempts that ended with their process. */
  lostLeases: number;
  /** What went wrong, oldest first. The last 20 are kept. */
  errors: AttemptError[];
}

/** A worker that asks now is given it. */
export interface Ready extends OfGroup, Tried {
  stage: 'ready';
  paused: boolean;
  /** Of its ordering key: these come first. Counted up to a thousand. */
  behind: number;
  /** The process that had it is gone, or late. */
  leaseRanOut: boolean;
}

/** A worker has it. */
export interface InFlight extends OfGroup, Tried {
  stage: 'in-flight';
  /** 1 for the first attempt. */
  attempt: number;
  leaseUntil: Date;
}

/** It waits for its time: as it was published, or because its handler asked for it later. */
export interface Scheduled extends OfGroup {
  stage: 'scheduled';
  nextAt: Date;
}

/** It is tried again. */
export interface Retrying extends OfGroup, Tried {
  stage: 'retrying';
  nextAt: Date;
}

/** It is not tried any more. */
export interface Dead extends Tried {
  stage: 'dead';
  /** Undefined: no group ever took it. */
  group: string | undefined;
  /** What to requeue or purge it by. */
  id: string;
  reason: string;
  since: Date;
}

/** Its biz-id took effect, in the transaction of the handler. */
export interface Done {
  stage: 'done';
  /** Undefined where the dedup row names no message: `IdempotentExecutor`. */
  group: string | undefined;
  scenario: string;
  at: Date;
  /** Whether it was this message that took effect, and not another one of the same biz-id. */
  byThis: boolean;
}

/** The handler's transaction was broken from within, and nobody knows what of it is durable. */
export interface Torn {
  stage: 'torn';
  group: string | undefined;
  scenario: string;
  at: Date;
}

/** The broker holds the message for others, and has nothing of this group: it acknowledged, or it came later. */
export interface Acknowledged extends OfGroup {
  stage: 'acknowledged';
}
