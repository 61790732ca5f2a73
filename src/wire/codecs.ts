import type {
  Attempt,
  BrokerIdentity,
  ClaimAnswer,
  ClaimedDelivery,
  KeySearch,
  Lease,
  SentMessage,
  Suspect,
} from '../transport/port.js';
import type { AnswerOf, DeliveryJson, LeaseJson, RequestOf, SentMessageJson } from './schemas.js';
import { bytesOf, uuidOf } from './uuid.js';

/** The port's own shapes, as they go over the wire and back. Texts are UTF-8, and come out byte by byte as they went in. */

type HeaderPairs = NonNullable<SentMessageJson['headers']>;
type AttemptJson = Pick<RequestOf<'retry-later'>, 'failures' | 'lostLeases' | 'errors'>;
type SuspectJson = AnswerOf<'claim'>['suspects'][number];

const text = (bytes: Buffer) => bytes.toString('utf8');
const bytes = (value: string) => Buffer.from(value, 'utf8');
const optionalText = (value: Buffer | undefined) => value && text(value);
const optionalBytes = (value: string | undefined) => (value === undefined ? undefined : bytes(value));

export function messageToJson({
  innerMsgId,
  topic,
  bizId,
  body,
  headers,
  orderingKey,
  expiresAt,
  formerId,
}: SentMessage): SentMessageJson {
  return {
    innerMsgId: uuidOf(innerMsgId),
    topic,
    bizId: text(bizId),
    body: text(body),
    headers: headersToJson(headers),
    orderingKey: optionalText(orderingKey),
    expiresAt,
    formerId: formerId && uuidOf(formerId),
  };
}

export function messageFromJson(json: SentMessageJson): SentMessage {
  return {
    innerMsgId: bytesOf(json.innerMsgId),
    topic: json.topic,
    bizId: bytes(json.bizId),
    body: bytes(json.body),
    headers: headersFromJson(json.headers),
    orderingKey: optionalBytes(json.orderingKey),
    expiresAt: json.expiresAt,
    formerId: json.formerId === undefined ? undefined : bytesOf(json.formerId),
  };
}

export function leaseToJson({ subscriptionId, seq, token, orderingKey }: Lease): LeaseJson {
  return {
    subscription: subscriptionId,
    seq,
    token: uuidOf(token),
    orderingKey: optionalText(orderingKey),
  };
}

export function leaseFromJson({ subscription, seq, token, orderingKey }: LeaseJson): Lease {
  return {
    subscriptionId: subscription,
    seq,
    token: bytesOf(token),
    orderingKey: optionalBytes(orderingKey),
  };
}

export function deliveryToJson(delivery: ClaimedDelivery): DeliveryJson {
  return {
    ...leaseToJson(delivery),
    innerMsgId: uuidOf(delivery.innerMsgId),
    bizId: text(delivery.bizId),
    body: text(delivery.body),
    headers: headersToJson(delivery.headers),
    landedAt: delivery.landedAt.toISOString(),
    ageMs: delivery.ageMs,
    expiresInMs: delivery.expiresInMs,
    ...attemptToJson(delivery),
  };
}

export function deliveryFromJson(json: DeliveryJson): ClaimedDelivery {
  return {
    ...leaseFromJson(json),
    innerMsgId: bytesOf(json.innerMsgId),
    bizId: bytes(json.bizId),
    body: bytes(json.body),
    headers: headersFromJson(json.headers),
    landedAt: new Date(json.landedAt),
    ageMs: json.ageMs,
    expiresInMs: json.expiresInMs,
    ...attemptFromJson(json),
  };
}

export function attemptToJson({ failures, lostLeases, errors }: Attempt): AttemptJson {
  return { failures, lostLeases, errors: historyToJson(errors) };
}

export function attemptFromJson({ failures, lostLeases, errors }: AttemptJson): Attempt {
  return { failures, lostLeases, errors: errors ? bytes(JSON.stringify(errors)) : null };
}

export function claimAnswerToJson({
  deliveries,
  lastSeen,
  suspects,
  heldBack,
  keys,
}: ClaimAnswer): AnswerOf<'claim'> {
  return {
    deliveries: deliveries.map(deliveryToJson),
    lastSeen,
    suspects: suspects.map(suspectToJson),
    heldBack,
    keys: keys && { after: text(keys.after), exhausted: keys.exhausted },
  };
}

export function claimAnswerFromJson(json: AnswerOf<'claim'>): ClaimAnswer {
  return {
    deliveries: json.deliveries.map(deliveryFromJson),
    lastSeen: json.lastSeen,
    suspects: json.suspects.map(suspectFromJson),
    heldBack: json.heldBack,
    keys: json.keys && { after: bytes(json.keys.after), exhausted: json.keys.exhausted },
  };
}

export function suspectToJson({ seq, orderingKey }: Suspect): SuspectJson {
  return { seq, orderingKey: optionalText(orderingKey) };
}

export function suspectFromJson({ seq, orderingKey }: SuspectJson): Suspect {
  return { seq, orderingKey: optionalBytes(orderingKey) };
}

export function keySearchToJson(keys: KeySearch | undefined): NonNullable<RequestOf<'claim'>['keys']> {
  return keys ? { after: text(keys.after), until: text(keys.until), first: keys.first } : 'none';
}

/**
 * Who names no keys has a whole round over all of them, or would never be given what a publisher begins to give one. The
 * greater half of the room goes by turns: by the claim's id, so that a repeat asks for the same.
 */
export function keySearchFromJson(json: RequestOf<'claim'>['keys'], claimId: string): KeySearch | undefined {
  if (json === 'none') return undefined;
  if (json !== undefined && json !== 'all') {
    return { after: bytes(json.after), until: bytes(json.until), first: json.first };
  }
  return { after: Buffer.alloc(0), until: Buffer.alloc(0), first: bytesOf(claimId)[15]! % 2 === 0 };
}

export function identityToJson({ broker, now }: BrokerIdentity): { broker: string; now: number } {
  return { broker: uuidOf(broker), now };
}

export function identityFromJson({ broker, now }: { broker: string; now: number }): BrokerIdentity {
  return { broker: bytesOf(broker), now };
}

/** Stored as the JSON of pairs (topic/headers.codec.ts), so pairs keep every byte and their order. */
function headersToJson(headers: Buffer | null): HeaderPairs | undefined {
  return listToJson(headers) as HeaderPairs | undefined;
}

function headersFromJson(pairs: HeaderPairs | undefined): Buffer | null {
  return pairs && pairs.length > 0 ? bytes(JSON.stringify(pairs)) : null;
}

function historyToJson(errors: Buffer | null): AttemptJson['errors'] {
  return listToJson(errors) as AttemptJson['errors'];
}

/** What can't be read is left out, as everywhere: it must not keep its delivery from being handed out, once it is leased. */
function listToJson(stored: Buffer | null): unknown[] | undefined {
  if (!stored) return undefined;
  try {
    const list: unknown = JSON.parse(text(stored));
    return Array.isArray(list) ? list : undefined;
  } catch {
    return undefined;
  }
}
