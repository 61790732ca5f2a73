import type { JsMsg } from '@nats-io/jetstream';
import { type MsgHdrs, headers as newHeaders } from '@nats-io/transport-node';
import type { EngineMessage } from '../transport/engine/port.js';

const TOPIC = 'Mq-Topic';
const BIZ_ID = 'Mq-Biz-Id';
const HEADERS = 'Mq-Headers';
const ORDERING_KEY = 'Mq-Ordering-Key';
const EXPIRES_AT = 'Mq-Expires-At';
/** JetStream's own: what has the same one is stored once. */
const MSG_ID = 'Nats-Msg-Id';

/** As a message is sent: its body as it is, all else as headers, which are text there. */
export function toHeaders(message: EngineMessage): MsgHdrs {
  const { topic, innerMsgId, bizId, headers, orderingKey, expiresAt } = message;
  const sent = newHeaders();
  sent.set(MSG_ID, innerMsgId.toString('hex'));
  sent.set(TOPIC, topic);
  sent.set(BIZ_ID, bizId.toString('base64url'));
  if (headers) sent.set(HEADERS, headers.toString('base64url'));
  if (orderingKey) sent.set(ORDERING_KEY, orderingKey.toString('base64url'));
  if (expiresAt !== undefined) sent.set(EXPIRES_AT, String(Math.trunc(expiresAt)));
  return sent;
}

/** How many bytes of a message's payload its headers take. */
export function sizeOf(sent: MsgHdrs): number {
  const line = ([name, values]: [string, string[]]) => name.length + values.join('').length + 4;
  return [...sent].map(line).reduce((sum, size) => sum + size, 'NATS/1.0\r\n\r\n'.length);
}

/** It has nothing of what this library sends with each message, in whatever version; or it is of another topic. */
export function isForeign({ headers }: Pick<JsMsg, 'headers'>, topic: string): boolean {
  const named = headers?.get(TOPIC);
  return named ? named !== topic : !headers?.has(BIZ_ID);
}

/** @returns undefined when it is not as this version sends it */
export function fromMessage(
  came: Pick<JsMsg, 'headers' | 'data' | 'info'>,
): { message: EngineMessage; landedAt: number } | undefined {
  const text = (name: string) => came.headers?.get(name) || undefined;
  const bytes = (name: string) => {
    const value = text(name);
    return value === undefined ? undefined : Buffer.from(value, 'base64url');
  };
  // What decodes to the same bytes as another one would be taken for it.
  const isAsWritten = (name: string) => bytes(name)?.toString('base64url') === text(name);
  if (![BIZ_ID, ORDERING_KEY, HEADERS].every(isAsWritten)) return undefined;
  const [id, topic, bizId] = [text(MSG_ID), text(TOPIC), bytes(BIZ_ID)];
  if (!topic || !bizId || !id || !/^[0-9a-f]{32}$/.test(id)) return undefined;
  const expiresAt = Number(text(EXPIRES_AT));
  return {
    // The server's own clock.
    landedAt: Math.floor(came.info.timestampNanos / 1000),
    message: {
      topic,
      innerMsgId: Buffer.from(id, 'hex'),
      bizId,
      body: Buffer.from(came.data),
      headers: bytes(HEADERS) ?? null,
      orderingKey: bytes(ORDERING_KEY),
      expiresAt: Number.isSafeInteger(expiresAt) && expiresAt > 0 ? expiresAt : undefined,
    },
  };
}
