import { InvalidPayloadError, describeValue } from '../errors/index.js';

const MAX_HEADERS_BYTES = 16 * 1024;

/** Headers as published: string to string. A Map, or a plain object. */
export type HeadersInput = ReadonlyMap<string, string> | Readonly<Record<string, string>>;

/**
 * The headers as the bytes that are stored; null for none.
 *
 * @throws InvalidPayloadError when a name or value is no string, a name is `__proto__`, or all of it is over 16 KiB
 */
export function encodeHeaders(headers: HeadersInput | undefined): Buffer | null {
  if (headers === undefined) return null;
  const entries = headers instanceof Map ? [...headers] : Object.entries(headers);
  if (entries.length === 0) return null;
  for (const [name, value] of entries as [unknown, unknown][]) {
    if (typeof name !== 'string' || name === '' || name === '__proto__') {
      throw new InvalidPayloadError(
        `A header's name must be a non-empty string (got ${describeValue(name)}).`,
      );
    }
    if (typeof value !== 'string') {
      throw new InvalidPayloadError(`Header ${name} must be a string (got ${describeValue(value)}).`);
    }
  }
  const bytes = Buffer.from(JSON.stringify(entries), 'utf8');
  if (bytes.length > MAX_HEADERS_BYTES) {
    throw new InvalidPayloadError(
      `The headers are ${bytes.length} bytes, more than the limit of ${MAX_HEADERS_BYTES}: what belongs to the message goes into its payload.`,
    );
  }
  return bytes;
}

/** A Map, so that no header's name can reach a prototype. */
export function decodeHeaders(bytes: Uint8Array | null): ReadonlyMap<string, string> {
  if (bytes === null) return new Map();
  return new Map(JSON.parse(Buffer.from(bytes).toString('utf8')) as [string, string][]);
}
