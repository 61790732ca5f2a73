import type { QueryResult, QueryRunner } from 'typeorm';
import type { TransportCapabilities } from './capabilities.js';

export type { TransportCapabilities, TransportCapability } from './capabilities.js';

/** A message on its way to the broker. */
export interface OutgoingMessage {
  innerMsgId: Buffer;
  bizId: Buffer;
  body: Buffer;
  headers: Buffer | null;
  /** Messages of one topic and key land, and are handled in each group, in the order in which they were published. */
  orderingKey?: Buffer | undefined;
}

/** When messages are to be delivered, and from when on no more. */
export interface Timing {
  /** Milliseconds from now, by the broker's clock. */
  readonly delayMs?: number;
  /** Microseconds since 1970 UTC. */
  readonly deliverAt?: number;
  /** Microseconds since 1970 UTC. */
  readonly expiresAt?: number;
}

/** A message as an outbox sends it: it names its topic, and its expiry is its own. */
export interface SentMessage extends OutgoingMessage {
  readonly topic: string;
  /** Microseconds since 1970 UTC. */
  readonly expiresAt: number | undefined;
  /**
   * The inner-msg-id that the relay has replaced by a fresh one. The broker remembers both: in a backup of the outbox the
   * message has this one.
   */
  readonly formerId?: Buffer | undefined;
}

/** Messages of one outbox, claimed together. */
export interface Shipment {
  /** Tells this outbox from others. */
  readonly origin: Buffer;
  /** How many claims the outbox has counted, this one included: only a restored backup counts back. */
  readonly claims: number;
  readonly messages: readonly SentMessage[];
}

/** What became of a message that was sent. All but `refused` are final: an ACK (3). */
export type SendAnswer =
  /** Stored just now. */
  | { readonly kind: 'landed' }
  /** Stored before, under this inner-msg-id. */
  | { readonly kind: 'duplicate' }
  /** Kept aside, because nobody can tell whether it is a repeat: an operator decides. */
  | { readonly kind: 'quarantined' }
  /** Not taken, and not until something is changed. The message stays with its sender. */
  | { readonly kind: 'refused'; readonly reason: string };

/** What a relay has to know before it claims. */
export interface Acceptance {
  /** The broker's clock, in microseconds since 1970 UTC. */
  readonly now: number;
  /** At or below this inner-msg-id the broker has forgotten what it accepted; undefined: nowhere yet. */
  readonly floor: Buffer | undefined;
  /** How long an inner-msg-id is remembered at least, in milliseconds. */
  readonly windowMs: number;
  /** Tells this broker from others; 16 bytes. A restored backup of it has the same. */
  readonly broker: Buffer;
  /** The highest `claims` that this outbox has sent; 0 for one that never did. */
  readonly knownClaims: number;
}

/** Who receives what: one group's subscription to one topic. */
export interface Subscription {
  readonly id: number;
  readonly topic: string;
  readonly group: string;
}

/** Another database than the caller's that dedup rows of the group have been written to. */
export interface OtherDedup {
  readonly dedup: Buffer;
  /** When a consumer with it subscribed last, in microseconds since 1970 UTC. */
  readonly seenAt: number;
}

/** A delivery as its holder knows it; the token is the claim's id. */
export interface Lease {
  readonly subscriptionId: number;
  readonly seq: number;
  readonly token: Buffer;
  /** Where the message has one: then nothing else of this key is handed out to the group meanwhile. */
  readonly orderingKey?: Buffer | undefined;
}

/** A delivery that the broker has leased to the caller. */
export interface ClaimedDelivery extends Lease {
  readonly innerMsgId: Buffer;
  readonly bizId: Buffer;
  readonly body: Buffer;
  readonly headers: Buffer | null;
  readonly landedAt: Date;
  /** How long ago that was when it was claimed, by the broker's clock, in milliseconds. */
  readonly ageMs: number;
  /** From the claim on; undefined when it never expires, negative when it has. */
  readonly expiresInMs: number | undefined;
  /** Attempts that count against `retry.attempts`: a handler threw or timed out, its body could not be read, it broke its transaction. */
  readonly failures: number;
  /** How often a process died or stalled while holding it. */
  readonly lostLeases: number;
  /** What earlier attempts left behind. */
  readonly errors: Buffer | null;
}

export interface Claim {
  readonly subscription: Subscription;
  /** 16 bytes, made by the caller, new for each claim: the lease token. */
  readonly claimId: Buffer;
  /** Only deliveries behind this one; 0 for all. */
  readonly after: number;
  readonly limit: number;
  readonly leaseMs: number;
  /** Where to look for deliveries with an ordering key. Left out: for none. */
  readonly keys?: KeySearch | undefined;
}

/** A round over the ordering keys, in the order of their bytes, claim by claim. */
export interface KeySearch {
  /** Behind this key; an empty one to begin with. */
  readonly after: Buffer;
  /** Where the round began, and ends. */
  readonly until: Buffer;
  /** Whose turn it is to have the greater half of the room: that of deliveries with a key, or of the others. */
  readonly first: boolean;
}

/** A delivery that is to be claimed alone. */
export type Suspect = Pick<Lease, 'seq' | 'orderingKey'>;

export interface ClaimAnswer {
  readonly deliveries: ClaimedDelivery[];
  /** The last one looked at, where the next claim may go on; undefined when there was nothing. */
  readonly lastSeen: number | undefined;
  /** Deliveries that lost a lease: not handed out with others, each is to be claimed alone. */
  readonly suspects: Suspect[];
  /** There may be more, but the group's limit allows no more for now. */
  readonly heldBack: boolean;
  /** How far the round over the keys has come, and whether it is over. */
  readonly keys?: { readonly after: Buffer; readonly exhausted: boolean } | undefined;
}

export interface PollAnswer {
  /** Whether a claim is worth trying; a limit may hold it back all the same. */
  readonly claimable: boolean;
  /** Whether there is anything with an ordering key. */
  readonly keyed: boolean;
  /** The lowest number of what has come back from where it waited; undefined: nothing has. */
  readonly broughtBack: number | undefined;
  /** Whether the group has a limit: what is claimed ahead takes a place from another process. */
  readonly limited: boolean;
  /** The group was removed from the topic: nothing will come any more. */
  readonly removed: boolean;
}

export interface BrokerIdentity {
  /** 16 bytes; a restored backup has the same. */
  readonly broker: Buffer;
  /** The broker's clock, in microseconds since 1970 UTC. */
  readonly now: number;
}

/** What can still reach a subscription. Times are the broker's, in microseconds since 1970 UTC. */
export interface Unfinished {
  /** When the oldest one landed that is ready or leased; undefined: there is none. 0: its time lies in the future. */
  readonly oldest: number | undefined;
  /**
   * Of those that landed longer than `slackMs` ago (or in the future), and wait for something else: for their time, as dead
   * letters, parked or quarantined. The oldest, `limit` at most.
   */
  readonly waiting: readonly WaitingMessage[];
  /** When the next one of these landed; undefined: those are all. 0: its time lies in the future. */
  readonly next: number | undefined;
}

export interface WaitingMessage {
  readonly bizId: Buffer;
  readonly landedAt: number;
}

export interface Attempt {
  readonly failures: number;
  readonly lostLeases: number;
  readonly errors: Buffer | null;
}

/**
 * How publishers and consumers reach a broker, wherever it is. What each method promises is checked by
 * `transportContract` of `nestjs-idempotent-mq/testing`; docs/transports.md says how to bring a transport of one's own.
 */
export interface Transport {
  /** What it gives, and what it does not. */
  readonly capabilities: TransportCapabilities;

  /**
   * Steps 1 to 3 for a broker in another database: stores what it has not stored before, each message once, however often
   * it is sent. All of it is durable when this resolves.
   *
   * @returns an answer for each message, in their order
   */
  send(shipment: Shipment): Promise<SendAnswer[]>;
  /** What a relay has to know before it claims. */
  acceptance(origin: Buffer): Promise<Acceptance>;

  /** From the moment that this resolves, the group receives every message whose publishing transaction commits. */
  subscribe(request: {
    topic: string;
    group: string;
    version: number;
    /** Tells the database that the caller writes its dedup rows to from others; 16 bytes. Left out: it writes none. */
    dedup?: Buffer | undefined;
    /** How many deliveries the caller handles at once: what a transport that is pushed to has sent ahead. */
    concurrency?: number | undefined;
  }): Promise<
    Subscription & {
      /** That of whoever subscribed last, where it is another one. Said once. */
      readonly otherDedup?: OtherDedup | undefined;
    }
  >;

  /** Leases deliveries to the caller, each to one holder at a time. A claim that is repeated under its id has the same. */
  claim(claim: Claim): Promise<ClaimAnswer>;
  /** Claims one suspect, for a process that runs nothing else meanwhile. Undefined: somebody else has it, or a limit. */
  claimAlone(claim: Omit<Claim, 'after' | 'limit' | 'keys'> & Suspect): Promise<ClaimedDelivery | undefined>;
  /** Whether a claim is worth trying, for an idle worker. Also brings back what has waited for its time. */
  poll(subscription: Subscription, after: number): Promise<PollAnswer>;

  /** The business is done with it, and it never comes again. @returns false when the lease was lost, and somebody else decides */
  acknowledge(held: Lease): Promise<boolean>;
  /** Sets a delivery aside for `delayMs`. @returns false when the lease was lost */
  retryLater(held: Lease, attempt: Attempt, delayMs: number): Promise<boolean>;
  /** Sets a delivery aside until an operator decides. @returns false when the lease was lost */
  deadLetter(held: Lease, attempt: Attempt, reason: string): Promise<boolean>;
  /** Hands a delivery back at no cost. @returns false when the lease was lost */
  giveBack(held: Lease, delayMs: number): Promise<boolean>;
  /** Renews leases. @returns those that were lost */
  extend(subscription: Subscription, held: readonly Lease[], leaseMs: number): Promise<Lease[]>;

  /** Tells this broker's database from any other, and what its clock shows. */
  identify(): Promise<BrokerIdentity>;
  /** What can still reach this subscription, as of one moment. */
  unfinished(
    subscription: Subscription,
    question: { slackMs: number; limit: number },
  ): Promise<BrokerIdentity & Unfinished>;

  /** Says that this delivery's message may not be needed any more. */
  finished(seq: number): void;

  /**
   * Calls back when messages of the topic have landed in this process, and says whether some have an ordering key. A hint:
   * it may be lost. @returns how to stop it
   */
  onLanded(topic: string, listener: (keyed: boolean) => void): () => void;

  /** Set when the broker's tables are in the app's own database: then a publish and a consume are one commit each. */
  readonly colocated?: ColocatedBroker | undefined;
}

/** Where a publish puts its messages: into a broker in the business's own database, or into its outbox. */
export interface PublishTarget {
  /** Writes the messages in the transaction of this runner: they are published when it commits. */
  put(
    runner: QueryRunner,
    topic: string,
    messages: readonly OutgoingMessage[],
    timing?: Timing,
  ): Promise<void>;

  /** Takes back messages whose time has not come, in the transaction of this runner. @returns how many there were */
  cancel(runner: QueryRunner, topic: string, bizId: Buffer): Promise<number>;
}

/** A broker in the same database as the business: its steps ride on the business's transactions. Steps 1 to 3 are a COMMIT. */
export interface ColocatedBroker extends PublishTarget {
  /**
   * Step 5 as the last statement of the consumer's transaction: takes the ACK only if this attempt's dedup row is there.
   *
   * @returns whether it acknowledged the delivery, and whether the session commits each statement by itself
   */
  acknowledgeWithEffect(
    on: StatementRunner,
    held: Lease,
    dedup: { scenarioId: number; bizId: Buffer; token: Buffer },
  ): Promise<{ acknowledged: boolean; autocommit: boolean }>;

  /** The same for several of one subscription. @returns how many it acknowledged: all, or nothing may be committed */
  acknowledgeAllWithEffects(
    on: StatementRunner,
    held: readonly (Lease & { readonly bizId: Buffer })[],
    dedup: { scenarioId: number; token: Buffer },
  ): Promise<{ acknowledged: number; autocommit: boolean }>;

  /** Step 5 for a duplicate, in the transaction that found it to be one. @returns false when the lease was lost */
  acknowledgeWithin(on: StatementRunner, held: Lease): Promise<boolean>;
}

/** What a colocated broker needs of the consumer's connection. */
export interface StatementRunner {
  query(sql: string, parameters: unknown[], useStructuredResult: true): Promise<QueryResult>;
}
