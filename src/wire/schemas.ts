import { type Static, type TSchema, Type as T } from '@sinclair/typebox';
import { MAX_HEADERS } from '../topic/index.js';
import { UUID, UUID_V7 } from './uuid.js';

/** What goes over the wire, field by field. docs/protocol.md tells it in prose; the OpenAPI document is made of this. */

const NAME = '^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$';
/** Numbers of rows and times in microseconds: what a JavaScript number holds exactly. */
const MOST = Number.MAX_SAFE_INTEGER;
/** Node runs a timer that is longer than this at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** A hundred years. */
const MAX_DELAY_MS = 3_155_760_000_000;
/** SQLite takes 32,766 parameters in a statement. */
export const MAX_MESSAGES = 5_000;
export const MAX_LEASES = 5_000;
export const MAX_CLAIM = 5_000;
export const MAX_WAIT_MS = 60_000;
const MAX_WAITED_FOR = 1_000;
const MAX_TEXT = 255;
/** Of a delivery's attempts; the library keeps 20, of 2,000 characters each. */
const MAX_ERRORS = 100;
const MAX_ERROR = 10_000;

/** What an operator may do from afar: methods of BrokerService, with the same arguments. */
export const ADMIN_CALLS = [
  'topics',
  'removeSubscription',
  'groups.list',
  'groups.pause',
  'groups.resume',
  'groups.limit',
  'deadLetters.list',
  'deadLetters.get',
  'deadLetters.requeue',
  'deadLetters.purge',
  'quarantine.list',
  'quarantine.get',
  'quarantine.release',
  'quarantine.discard',
] as const;
export type AdminCall = (typeof ADMIN_CALLS)[number];

const strict = { additionalProperties: false };
const request = <P extends Record<string, TSchema>>(fields: P) => T.Object(fields, strict);
/** Answers may come to have more fields: a client passes over what it doesn't know. */
const answer = <P extends Record<string, TSchema>>(fields: P) => T.Object(fields);

const Uuid = T.String({ pattern: UUID, description: 'A UUID of any version, in either case.' });
const InnerMsgId = T.String({
  pattern: UUID_V7,
  description: 'A UUID of version 7, made once for each message and the same each time that it is sent.',
});
const Name = T.String({ pattern: NAME });
const Text = T.String({ minLength: 1, maxLength: MAX_TEXT, description: 'At most 255 bytes of UTF-8.' });
const Micros = T.Integer({ minimum: 0, maximum: MOST, description: 'Microseconds since 1970 UTC.' });
const Seq = T.Integer({ minimum: 1, maximum: MOST });
const SubscriptionId = T.Integer({ minimum: 1, maximum: MOST });
const LeaseMs = T.Integer({ minimum: 1, maximum: MAX_TIMER_MS });
const DelayMs = T.Number({ minimum: 0, maximum: MAX_DELAY_MS });
const Count = T.Integer({ minimum: 0, maximum: 65_535 });
const Bool = T.Boolean();
const Key = T.String({
  maxLength: MAX_TEXT,
  description: 'An ordering key; empty: before all of them.',
});

const Headers = T.Array(T.Array(T.String(), { minItems: 2, maxItems: 2 }), {
  maxItems: MAX_HEADERS,
  description:
    'Pairs of a name and a value, in their order. 16 KiB at most. Names that begin with mq- are not the business’s.',
});

export const SentMessageSchema = request({
  innerMsgId: InnerMsgId,
  topic: Name,
  bizId: Text,
  body: T.String({ description: 'The text of the message, which is JSON: stored as it is.' }),
  headers: T.Optional(Headers),
  orderingKey: T.Optional(Text),
  expiresAt: T.Optional(Micros),
  formerId: T.Optional(InnerMsgId),
});

export const LeaseSchema = request({
  subscription: SubscriptionId,
  seq: Seq,
  token: Uuid,
  orderingKey: T.Optional(Text),
});

const SuspectSchema = request({ seq: Seq, orderingKey: T.Optional(Text) });

const AttemptFields = {
  failures: Count,
  lostLeases: Count,
  errors: T.Optional(
    T.Array(T.Object({ at: T.String({ maxLength: 40 }), error: T.String({ maxLength: MAX_ERROR }) }), {
      maxItems: MAX_ERRORS,
      description: 'What went wrong so far, oldest first: what the claim gave, and what has come to it.',
    }),
  ),
};

export const DeliverySchema = answer({
  subscription: SubscriptionId,
  seq: Seq,
  token: Uuid,
  orderingKey: T.Optional(Text),
  innerMsgId: Uuid,
  bizId: T.String(),
  body: T.String(),
  headers: T.Optional(Headers),
  landedAt: T.String({ description: 'ISO 8601.' }),
  ageMs: T.Number({ description: 'How long ago that was when it was claimed, by the broker’s clock.' }),
  expiresInMs: T.Optional(T.Number({ description: 'From the claim on; negative when it has expired.' })),
  failures: Count,
  lostLeases: Count,
  errors: T.Optional(T.Array(T.Object({ at: T.String(), error: T.String() }))),
});

const KeyRound = { after: Key, exhausted: Bool };
const Identity = { broker: Uuid, now: Micros };
const Taken = answer({
  taken: T.Boolean({ description: 'false: it is not held under this token (any more).' }),
});

export const SCHEMAS = {
  acceptance: {
    request: request({ origin: Uuid }),
    answer: answer({
      ...Identity,
      floor: T.Optional(Uuid),
      windowMs: T.Number(),
      knownClaims: T.Integer({ minimum: 0 }),
    }),
  },
  send: {
    request: request({
      origin: Uuid,
      claims: T.Integer({ minimum: 0, maximum: MOST }),
      messages: T.Array(SentMessageSchema, { minItems: 1, maxItems: MAX_MESSAGES }),
    }),
    answer: answer({
      answers: T.Array(
        answer({
          kind: T.String({ description: 'landed, duplicate, quarantined (each an ACK), or refused.' }),
          reason: T.Optional(T.String()),
        }),
      ),
    }),
  },
  subscribe: {
    request: request({
      topic: Name,
      group: Name,
      version: T.Integer({ minimum: 1, maximum: 4_294_967_295 }),
      dedup: T.Optional(Uuid),
    }),
    answer: answer({
      subscription: SubscriptionId,
      otherDedup: T.Optional(answer({ dedup: Uuid, seenAt: Micros })),
    }),
  },
  claim: {
    request: request({
      subscription: SubscriptionId,
      claimId: Uuid,
      after: T.Optional(T.Integer({ minimum: 0, maximum: MOST })),
      limit: T.Integer({ minimum: 1, maximum: MAX_CLAIM }),
      leaseMs: LeaseMs,
      keys: T.Optional(
        T.Union([T.Literal('all'), T.Literal('none'), request({ after: Key, until: Key, first: Bool })]),
      ),
      waitMs: T.Optional(T.Integer({ minimum: 0, maximum: MAX_WAIT_MS })),
    }),
    answer: answer({
      deliveries: T.Array(DeliverySchema),
      lastSeen: T.Optional(T.Integer()),
      suspects: T.Array(T.Object({ seq: Seq, orderingKey: T.Optional(Text) })),
      heldBack: Bool,
      keys: T.Optional(answer(KeyRound)),
    }),
  },
  'claim-alone': {
    request: request({
      subscription: SubscriptionId,
      claimId: Uuid,
      ...SuspectSchema.properties,
      leaseMs: LeaseMs,
    }),
    answer: answer({ delivery: T.Optional(DeliverySchema) }),
  },
  'give-up-claim': {
    request: request({ subscription: SubscriptionId, claimId: Uuid }),
    answer: answer({ handedBack: T.Integer({ minimum: 0 }) }),
  },
  poll: {
    request: request({ subscription: SubscriptionId, after: T.Integer({ minimum: 0, maximum: MOST }) }),
    answer: answer({
      claimable: Bool,
      keyed: Bool,
      broughtBack: T.Optional(
        T.Integer({ description: 'The lowest number of what has come back from where it waited.' }),
      ),
      limited: Bool,
      removed: Bool,
    }),
  },
  wait: {
    request: request({
      subscriptions: T.Array(SubscriptionId, { minItems: 1, maxItems: MAX_WAITED_FOR }),
      cursor: T.Optional(T.Integer({ minimum: 0, maximum: MOST })),
      waitMs: T.Integer({ minimum: 0, maximum: MAX_WAIT_MS }),
    }),
    answer: answer({
      landed: T.Array(answer({ subscription: SubscriptionId, keyed: Bool })),
      cursor: T.Integer({ minimum: 0 }),
    }),
  },
  acknowledge: {
    request: request({ leases: T.Array(LeaseSchema, { minItems: 1, maxItems: MAX_LEASES }) }),
    answer: answer({ taken: T.Array(Bool) }),
  },
  'retry-later': {
    request: request({ lease: LeaseSchema, ...AttemptFields, delayMs: DelayMs }),
    answer: Taken,
  },
  'dead-letter': {
    request: request({
      lease: LeaseSchema,
      ...AttemptFields,
      reason: T.String({ minLength: 1, maxLength: 40, pattern: '^[a-z][a-z-]*$' }),
    }),
    answer: Taken,
  },
  'give-back': { request: request({ lease: LeaseSchema, delayMs: DelayMs }), answer: Taken },
  extend: {
    request: request({
      leases: T.Array(LeaseSchema, { minItems: 1, maxItems: MAX_LEASES }),
      leaseMs: LeaseMs,
    }),
    answer: answer({ held: T.Array(Bool) }),
  },
  administer: {
    request: request({
      call: T.Union(ADMIN_CALLS.map((call) => T.Literal(call))),
      arguments: T.Optional(T.Array(T.Unknown(), { maxItems: 2 })),
    }),
    answer: answer({ result: T.Optional(T.Unknown()) }),
  },
  identify: { request: request({}), answer: answer(Identity) },
  unfinished: {
    request: request({
      subscription: SubscriptionId,
      slackMs: T.Integer({ minimum: 0, maximum: MOST }),
      limit: T.Integer({ minimum: 1, maximum: 10_000 }),
    }),
    answer: answer({
      ...Identity,
      oldest: T.Optional(T.Integer()),
      waiting: T.Array(answer({ bizId: T.String(), landedAt: T.Integer() })),
      next: T.Optional(T.Integer()),
    }),
  },
} as const;

export type OperationName = keyof typeof SCHEMAS;
export type RequestOf<Name extends OperationName> = Static<(typeof SCHEMAS)[Name]['request']>;
export type AnswerOf<Name extends OperationName> = Static<(typeof SCHEMAS)[Name]['answer']>;
export type SentMessageJson = Static<typeof SentMessageSchema>;
export type LeaseJson = Static<typeof LeaseSchema>;
export type DeliveryJson = Static<typeof DeliverySchema>;

export function isOperationName(name: string): name is OperationName {
  return Object.hasOwn(SCHEMAS, name);
}
