import type { Message, Options } from 'amqplib';
import type { EngineMessage } from '../transport/engine/port.js';

/** As a message is sent: its body as it is, all else as properties. */
export function toProperties(message: EngineMessage, nowMs: number): Options.Publish {
  const { topic, innerMsgId, bizId, headers, orderingKey, expiresAt } = message;
  return {
    persistent: true,
    mandatory: true,
    contentType: 'application/json',
    messageId: innerMsgId.toString('hex'),
    type: topic,
    timestamp: Math.floor(nowMs / 1000),
    headers: {
      'mq-topic': topic,
      'mq-biz-id': bizId,
      'mq-landed-at': { '!': 'long', value: nowMs * 1000 },
      ...(headers && { 'mq-headers': headers }),
      ...(orderingKey && { 'mq-ordering-key': orderingKey }),
      ...(expiresAt !== undefined && { 'mq-expires-at': { '!': 'long', value: Math.trunc(expiresAt) } }),
    },
  };
}

/** It has nothing of what this library sends with each message, in whatever version; or it is of another topic. */
export function isForeign({ properties }: Message, topic: string): boolean {
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  const isNamed = typeof headers['mq-topic'] === 'string';
  return isNamed ? headers['mq-topic'] !== topic : headers['mq-biz-id'] === undefined;
}

/** Microseconds since 1970 UTC, up to the year 2255. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** @returns undefined when it is not as this version sends it */
export function fromMessage({
  content,
  properties,
}: Message): { message: EngineMessage; landedAt: number } | undefined {
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  const { 'mq-topic': topic, 'mq-biz-id': bizId, 'mq-landed-at': landedAt } = headers;
  const id: unknown = properties.messageId;
  const isOwn = typeof topic === 'string' && Buffer.isBuffer(bizId) && isTime(landedAt);
  if (!isOwn || typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id)) return undefined;
  const bytes = (name: string) => {
    const value = headers[name];
    return Buffer.isBuffer(value) ? value : undefined;
  };
  const expiresAt = headers['mq-expires-at'];
  return {
    landedAt,
    message: {
      topic,
      innerMsgId: Buffer.from(id, 'hex'),
      bizId,
      body: content,
      headers: bytes('mq-headers') ?? null,
      orderingKey: bytes('mq-ordering-key'),
      expiresAt: isTime(expiresAt) ? expiresAt : undefined,
    },
  };
}
