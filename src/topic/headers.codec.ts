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
  const entries = entriesOf(headers);
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

/** What is neither (fetch's Headers, say) would seem to have no entries, and be lost in silence. */
function entriesOf(headers: HeadersInput): [string, string][] {
  // Not instanceof: a Map of another realm is one too.
  switch (Object.prototype.toString.call(headers)) {
    case '[object Map]':
      return [...(headers as ReadonlyMap<string, string>)];
    case '[object Object]':
      return Object.entries(headers as Record<string, string>);
    default:
      throw new InvalidPayloadError(
        `The headers must be a Map or an object of strings (got ${describeValue(headers)}).`,
      );
  }
}

/** A Map, so that no header's name can reach a prototype. */
export function decodeHeaders(bytes: Uint8Array | null): ReadonlyMap<string, string> {
  if (bytes === null) return new Map();
  return new Map(JSON.parse(Buffer.from(bytes).toString('utf8')) as [string, string][]);
}
