import { InvalidPayloadError, describeValue } from '../errors/index.js';

export interface PayloadLimits {
  /** Longest body, in bytes of UTF-8 JSON. */
  maxBytes: number;
  /** Deepest nesting of objects and arrays. */
  maxDepth: number;
}

export const DEFAULT_PAYLOAD_LIMITS: PayloadLimits = { maxBytes: 1024 * 1024, maxDepth: 64 };

/**
 * A payload as the bytes that are stored. What JSON would change in silence (`undefined`, a function, NaN, a Map) is
 * refused, so that what handlers get is what was published.
 *
 * @param what how messages name it: `payload`, or `payloads[3]`
 * @throws InvalidPayloadError naming the place in the payload
 */
export function encodePayload(
  topicName: string,
  payload: unknown,
  limits: PayloadLimits,
  what = 'payload',
): Buffer {
  const refuse = (path: string, why: string) =>
    new InvalidPayloadError(`Topic ${topicName}: ${path} ${why}. Nothing was published.`);
  const tooLong = (size: string) =>
    refuse(
      what === 'payload' ? 'the payload' : what,
      `is ${size} of JSON, more than the limit of ${limits.maxBytes} (option payload.maxBytes); store large data elsewhere and publish where it is`,
    );
  const countUpTo = longestCounted(limits);
  checkValue(payload, what, {
    depth: 0,
    within: new Set(),
    seen: { bytes: 0 },
    countUpTo,
    limits,
    refuse,
    tooLong,
  });
  const bytes = Buffer.from(JSON.stringify(payload), 'utf8');
  if (bytes.length > limits.maxBytes) throw tooLong(`${bytes.length} bytes`);
  return bytes;
}

/** The payload that {@link encodePayload} made these bytes of. */
export function decodePayload(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

/** How far a body that is too long is counted, so that its error can say how long it is: four times too long, within reason. */
function longestCounted({ maxBytes }: PayloadLimits): number {
  return Math.max(maxBytes, Math.min(4 * maxBytes, 64 * 1024 * 1024));
}

interface Walk {
  depth: number;
  within: Set<object>;
  /** At least so many bytes of JSON so far: an object that is in many places can be longer than any string. */
  seen: { bytes: number };
  countUpTo: number;
  limits: PayloadLimits;
  refuse: (path: string, why: string) => InvalidPayloadError;
  tooLong: (size: string) => InvalidPayloadError;
}

function checkValue(value: unknown, path: string, walk: Walk): void {
  walk.seen.bytes += typeof value === 'string' ? value.length + 2 : 1;
  if (walk.seen.bytes > walk.countUpTo) throw walk.tooLong(`over ${walk.countUpTo} bytes`);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) throw walk.refuse(path, `is ${value}, which JSON turns into null`);
      return;
    case 'object':
      if (value !== null) checkObject(value, path, walk);
      return;
    case 'bigint':
      throw walk.refuse(path, `is a BigInt, which JSON can't carry: send it as a string`);
    case 'undefined':
      throw walk.refuse(path, 'is undefined, which JSON drops: leave the key out, or send null');
    case 'function':
    case 'symbol':
      throw walk.refuse(path, `is ${describeValue(value)}, which JSON can't carry`);
  }
}

function checkObject(value: object, path: string, walk: Walk): void {
  const { within, limits, refuse } = walk;
  if (walk.depth >= limits.maxDepth) {
    throw refuse(path, `is nested more than ${limits.maxDepth} levels deep (option payload.maxDepth)`);
  }
  if (within.has(value)) throw refuse(path, 'contains itself');
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function' || !isPlain(value)) {
    throw refuse(
      path,
      `is a ${value.constructor?.name ?? 'special object'}, which doesn't come back from JSON as it was: ` +
        'send plain objects, arrays, strings, numbers, booleans and null (a Date as date.toISOString())',
    );
  }
  const symbol = Object.getOwnPropertySymbols(value)[0];
  if (symbol) throw refuse(path, `has a key that is a symbol (${String(symbol)}), which JSON drops`);
  within.add(value);
  const deeper = { ...walk, depth: walk.depth + 1 };
  if (Array.isArray(value)) {
    // By index: forEach would step over the holes, which JSON turns into null.
    for (let i = 0; i < value.length; i++) checkValue(value[i], `${path}[${i}]`, deeper);
    const keys = Object.keys(value);
    if (keys.length > value.length)
      throw refuse(path, `is an array with a field ${keys.at(-1)}, which JSON drops`);
  } else {
    for (const key of Object.keys(value)) {
      if (key === '__proto__') throw refuse(path, 'has a key __proto__');
      checkValue((value as Record<string, unknown>)[key], `${path}.${key}`, deeper);
    }
  }
  within.delete(value);
}

/** Class instances are let through: their own fields are what JSON writes, and what a handler gets. */
function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const kind = Object.prototype.toString.call(value);
  return kind === '[object Object]' && !(value instanceof Promise) && !(value instanceof Error);
}
