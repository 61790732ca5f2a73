interface AboutMessage {
  topic: string;
  bizId: string;
}

/** On its way to a broker in another database. Two messages of one biz-id differ in their inner-msg-ids. */
interface AboutSending extends AboutMessage {
  /** In hexadecimal digits, as `HEX(inner_msg_id)` shows it in the tables. */
  innerMsgId: string;
}

interface AboutDelivery {
  topic: string;
  group: string;
  bizId: string;
}

interface AboutHandler {
  /** `CardIssuing.issue (group card-issuing, topic payment.succeeded)` */
  handler: string;
  /** Its `code`, if it is an error of this library or of a driver: what can be counted. */
  code?: string | undefined;
  /** The error with its stack. */
  stack: string;
}

/** What happened, for logs, metrics and tests. Where a delivery is meant, it says whose. */
export type IdempotentMqEvent =
  /** At start: messages of this topic are handed to this handler from here on. */
  | { type: 'consuming'; topic: string; group: string; handler: string }
  /**
   * At start, once a change: a topic's `bizId` is not what it was when a scenario's messages were last consumed. Both as
   * text, without white space.
   */
  | { type: 'contract-changed'; topic: string; group: string; scenario: string; was: string; now: string }
  /** At start, once a change: a group's biz-ids are looked for in another scenario than before, which knows none of them. */
  | { type: 'scenario-changed'; topic: string; group: string; was: string; now: string }
  /**
   * At start, once a change: the consumers of a group that subscribed last deduplicate in another database than this
   * process. Which ones, in hexadecimal digits, as `HEX(origin)` shows it in `mq_outbox_origin`.
   */
  | {
      type: 'dedup-database-changed';
      topic: string;
      group: string;
      was: string;
      now: string;
      /** When one with the other database subscribed last. */
      lastSeenAt: Date;
    }
  /** Their transaction has committed. */
  | { type: 'published'; topic: string; count: number }
  /** A relay sends it to a broker in another database; `sends` counts, and from 2 on it is the same inner-msg-id again. */
  | ({ type: 'sent'; sends: number } & AboutSending)
  /** Its ACK (3) did not come, so it is sent again after `delayMs`. */
  | ({ type: 'ack-missed'; sends: number; delayMs: number; error: string } & AboutSending)
  /** The broker does not take it as it is. It stays in the outbox, and is tried again. */
  | ({ type: 'refused'; error: string } & AboutSending)
  /** The broker has stored what a relay sent. */
  | ({ type: 'landed' } & AboutSending)
  /** The upper half's duplicate: the broker had stored it before, under this inner-msg-id. */
  | ({ type: 'resend-absorbed' } & AboutSending)
  /** Nobody can tell whether it is a repeat: neither stored nor dropped, until an operator decides. */
  | ({ type: 'quarantined'; reason: 'forgotten' | 'other-body' } & AboutSending)
  /** Messages have left the outbox: their ACK (3) has come. */
  | { type: 'relayed'; count: number }
  /** `at`: what it could not reach, the outbox in this app's database or the broker. */
  | { type: 'relay-error'; at: 'outbox' | 'broker'; error: string }
  | { type: 'relay-recovered' }
  /** Once a minute, in a process that relays nothing: messages have waited in the outbox so long, and no relay took them up. */
  | { type: 'unrelayed'; waitedMs: number }
  /** A backup of the publisher's database was restored: what was in its outbox keeps its inner-msg-ids. */
  | { type: 'outbox-restored'; claims: number; knownClaims: number }
  /** What was older than its retention is gone. */
  | {
      type: 'forgotten';
      what: 'inner-msg-ids' | 'dedup-rows' | 'dead-letters' | 'quarantined-copies';
      count: number;
      /** Of dedup rows: whose. */
      scenario?: string;
    }
  /** Nothing of a scenario is forgotten, because nobody can say what may still come. Once, until the reason changes. */
  | {
      type: 'forgetting-held';
      scenario: string;
      reason: 'no-answer' | 'other-broker' | 'unknown-scenario' | 'clock-jumped';
      error: string;
    }
  | { type: 'forgetting-resumed'; scenario: string }
  /** The broker's clock doesn't go as time does: nothing is forgotten until it does, or the process starts anew. */
  | { type: 'clock-jumped'; byMs: number }
  /**
   * Somebody's transaction, of this app or of any other that uses the server, keeps what is deleted from being purged. The
   * oldest one, with the number of `others` that do so too; again after ten minutes, if it is still open.
   */
  | {
      type: 'old-transaction';
      /** The library's, on whose server it is: `shop on 10.0.0.7:3306`. */
      database: string;
      /** For `KILL`. */
      connectionId: number;
      user: string;
      host: string;
      /** The database that its session has chosen. */
      schema: string | undefined;
      openMs: number;
      /** The first word of the statement that runs; undefined: it is idle. */
      running: string | undefined;
      /** How long it has been running, or idle. */
      forMs: number;
      others: number;
    }
  /** The same on SQLite: so many bytes of the log can't be taken into the file, because somebody reads as of before them. */
  | {
      type: 'wal-held';
      /** The log, `shop.sqlite-wal`. */
      file: string;
      bytes: number;
      /** The oldest transaction of this process; undefined: it has none open. */
      oldest: { name: string; openMs: number } | undefined;
    }
  /** As published, and no group has subscribed to the topic yet. */
  | { type: 'parked'; topic: string; count: number }
  | ({ type: 'delivered'; attempt: number; redelivered: boolean } & AboutDelivery)
  /** Effect, dedup row and ACK are durable. */
  | ({
      type: 'acknowledged';
      /** Since it was `delivered`, in milliseconds: the handler, its dedup row, the COMMIT. */
      tookMs: number;
      /** Since it landed, by the broker's clock, in milliseconds. A time that it was to wait for is part of it. */
      ageMs: number;
    } & AboutDelivery)
  /** The lower half's duplicate: its biz-id had taken effect before. */
  | ({ type: 'duplicate-absorbed' } & AboutDelivery)
  /**
   * A biz-id came again with another body than the one that took effect. Of a delivery, it is a dead letter by now; where
   * `IdempotentExecutor` was called, that has thrown, and there is neither topic nor group.
   */
  | {
      type: 'biz-id-conflict';
      scenario: string;
      bizId: string;
      topic?: string;
      group?: string;
      /** Of the body that was not run, and of the one that had taken effect. In hexadecimal digits. */
      fingerprint: string;
      knownFingerprint: string;
      tookEffectAt: Date;
    }
  | ({ type: 'given-back'; reason: string; delayMs: number } & AboutDelivery)
  | ({
      type: 'retry-scheduled';
      /** How often it has failed so far, of so many `attempts`. */
      failures: number;
      attempts: number;
      /** It has not failed: its handler threw RetryLaterError. */
      requested: boolean;
      delayMs: number;
      /** Since it was `delivered`, in milliseconds. */
      tookMs: number;
      error: string;
    } & AboutHandler &
      AboutDelivery)
  | ({
      type: 'dead-lettered';
      reason: DeadLetterReason;
      /** Since it was `delivered`, in milliseconds; undefined where no handler was to be called. */
      tookMs?: number | undefined;
      error: string;
    } & Partial<AboutHandler> &
      AboutDelivery)
  /**
   * A transaction was broken from within, and may have left something durable: it is not run again. Of a delivery, it is a
   * dead letter by now; where `IdempotentExecutor` was called, that has thrown, and there is neither topic nor group.
   */
  | { type: 'torn'; scenario: string; bizId: string; topic?: string; group?: string; error: string }
  | ({ type: 'lease-lost' } & AboutDelivery)
  /** The effect is durable, and its ACK (5) did not get through: the redelivery meets the dedup row. */
  | ({ type: 'ack-lost'; error: string } & AboutDelivery)
  | ({ type: 'commit-unknown'; error: string } & AboutDelivery)
  | { type: 'message-dropped'; count: number }
  /** A delivery was dropped because somebody had deleted its message by hand. */
  | { type: 'message-missing'; subscriptionId: number; seq: number }
  /** For good, with so many deliveries and dead letters. In the process that removed it. */
  | { type: 'group-removed'; topic: string; group: string; deliveries: number; deadLetters: number }
  /** With `handler` and `bizId` where one delivery could not be run, which comes again. */
  | { type: 'worker-error'; topic: string; group: string; error: string; handler?: string; bizId?: string }
  | { type: 'worker-recovered'; topic: string; group: string };

/** Why a delivery is in the dead letters. */
export type DeadLetterReason =
  /** It failed as often as the retry policy allows. */
  | 'failed'
  /** The handler threw RejectMessageError. */
  | 'rejected'
  /** Its transaction was broken from within and may have left something durable: never run again by itself. */
  | 'torn'
  /** The process that ran it, alone, died or stalled too often. */
  | 'process-lost'
  /** Its time was over (`expiresAt`) before a handler began. */
  | 'expired'
  /** Its biz-id took effect before, with another body. */
  | 'biz-id-conflict'
  /** It landed before what may have been forgotten of its scenario, so nobody can tell whether it is a repeat. */
  | 'too-old-to-judge'
  /** No group subscribed in time: the event's group is empty. */
  | 'unrouted';

export type IdempotentMqEventType = IdempotentMqEvent['type'];

/** The event of a type. */
export type IdempotentMqEventOf<T extends IdempotentMqEventType> = Extract<IdempotentMqEvent, { type: T }>;

// An object, since the compiler finds out about one that is missing.
const TYPES: Record<IdempotentMqEventType, true> = {
  consuming: true,
  'contract-changed': true,
  'scenario-changed': true,
  'dedup-database-changed': true,
  published: true,
  sent: true,
  'ack-missed': true,
  refused: true,
  landed: true,
  'resend-absorbed': true,
  quarantined: true,
  relayed: true,
  'relay-error': true,
  'relay-recovered': true,
  unrelayed: true,
  'outbox-restored': true,
  forgotten: true,
  'forgetting-held': true,
  'forgetting-resumed': true,
  'clock-jumped': true,
  'old-transaction': true,
  'wal-held': true,
  parked: true,
  delivered: true,
  acknowledged: true,
  'duplicate-absorbed': true,
  'biz-id-conflict': true,
  'given-back': true,
  'retry-scheduled': true,
  'dead-lettered': true,
  torn: true,
  'lease-lost': true,
  'ack-lost': true,
  'commit-unknown': true,
  'message-dropped': true,
  'message-missing': true,
  'group-removed': true,
  'worker-error': true,
  'worker-recovered': true,
};

/** The types of all events. */
export const EVENT_TYPES = Object.keys(TYPES) as readonly IdempotentMqEventType[];
