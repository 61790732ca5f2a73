import type { Count } from './count.js';

/** How everything is, at one moment. Ages are in milliseconds. */
export interface Status {
  /** By the clock of the broker's database; of this machine, where the broker is a service. */
  at: Date;
  /** The database of this business: of its outbox and its dedup log. */
  database: string;
  /** Of the tables in that database. */
  schemaVersion: number;
  broker: BrokerStatus;
  groups: SubscriptionStatus[];
  topics: TopicParked[];
  /** Dead letters of messages that no group ever took. Undefined where the broker is a service. */
  unrouted: Count | undefined;
  quarantine: WaitingOnes | undefined;
  outbox: OutboxStatus;
  scenarios: ScenarioStatus[];
  /** What this process does. Undefined in one that only looks, as the command line does. */
  process: ProcessStatus | undefined;
  /** What could not be looked at, and why: a broker that is away, a token that may not administer. */
  notes: string[];
}

export interface BrokerStatus {
  kind: 'same-database' | 'own-database' | 'service' | 'engine';
  name: string;
  /** Whether it answered. What is its own is missing where it did not. */
  reachable: boolean;
}

/** What one group has before it of one topic. Each delivery is counted once. */
export interface SubscriptionStatus {
  topic: string;
  group: string;
  version: number;
  paused: boolean;
  limits: { concurrency: number | null; perSecond: number | null };
  /** A worker that asks now is given it, or when it is its ordering key's turn. */
  ready: Count;
  /** How long the oldest of those has been waiting: since it landed, or since the time that it was published for. */
  oldestReadyMs: number | undefined;
  /** Handed out, and its lease has not run out. */
  inFlight: Count;
  /** Set aside until a time: a delay, or the backoff after a failure. */
  waiting: Count;
  /** Of those: after a failure. Undefined where the broker is a service. */
  retrying: Count | undefined;
  /** Ordering keys of which something is there. Undefined where the broker is a service. */
  keyedLines: Count | undefined;
  deadLetters: Count;
  /** How long the oldest of them has been one. */
  oldestDeadLetterMs: number | undefined;
}

export interface TopicParked {
  topic: string;
  /** How many groups subscribe to it. */
  groups: number;
  /** Messages that no group has taken yet. */
  parked: Count;
  oldestParkedMs: number | undefined;
}

export interface WaitingOnes {
  waiting: Count;
  oldestMs: number | undefined;
}

/** What waits for its ACK (3): nothing, where the broker is in the same database. */
export interface OutboxStatus {
  /** All but what is scheduled. */
  waiting: Count;
  /** How old the oldest of those is, by the clock of whoever published it. */
  oldestMs: number | undefined;
  /** Of those: sent, or about to be sent again, and not acknowledged yet. */
  sent: Count;
  /** For a time that has not come. */
  scheduled: Count;
}

/** What is remembered of one scenario's biz-ids. */
export interface ScenarioStatus {
  /** As in the table of scenarios: `consumer/12:card-issuing/17:payment.succeeded`, or `named/…`. */
  scenario: string;
  kind: 'unknown' | 'consumer' | 'executor';
  /** Dedup rows. */
  rows: Count;
  /** How long ago the oldest of them took effect. */
  oldestMs: number | undefined;
  /** How long they are kept, as its processes have noted it; undefined: none has yet. */
  retentionMs: number | undefined;
  /** The watermark of the pass that forgot something last; undefined: there was none. `Forgetting.report()` has today's. */
  mark: Date | undefined;
}

export interface ProcessStatus {
  /** Whether it relays its outbox; undefined where there is nothing to relay. */
  relaying: boolean | undefined;
  /** Its handlers, as the log names them. */
  consuming: { handler: string; topic: string; group: string }[];
}
