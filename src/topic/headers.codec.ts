import { InvalidPayloadError, describeValue } from '../errors/index.js';

const MAX_HEADERS_BYTES = 16 * 1024;
/** Of one message, with what travels beside its own. */
export const MAX_HEADERS = 1_000;
/** How the names begin of what the library sends along. Publishers can give none of them, and handlers see none. */
const OWN = 'mq-';

/** Headers as published: string to string. A Map, or a plain object. */
export type HeadersInput = ReadonlyMap<string, string> | Readonly<Record<string, string>>;

/**
 * The headers as the bytes that are stored; null for none.
 *
 * @throws InvalidPayloadError when a name or value is no string, a name is `__proto__` or begins with `mq-`, or all of it is
 * over 16 KiB
 */
export function encodeHeaders(headers: HeadersInput | undefined): Buffer | null {
  if (headers === undefined) return null;
  const entries = entriesOf(headers);
  const own = entries.find(isOwn);
  if (own) {
    throw new InvalidPayloadError(
      `Header ${own[0]} can't be given: names that begin with ${OWN} are those of what the library sends along. Give it another name.`,
    );
  }
  return encodeEntries(entries);
}

/**
 * The same of what another process sends, with what its library has put beside the message's own.
 *
 * @throws InvalidPayloadError
 */
export function encodeEntries(entries: readonly [string, string][]): Buffer | null {
  if (entries.length === 0) return null;
  for (const [name, value] of entries as readonly [unknown, unknown][]) {
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

/** A Map, so that no header's name can reach a prototype. Without what the library has sent along. */
export function decodeHeaders(bytes: Uint8Array | null): ReadonlyMap<string, string> {
  return new Map(entriesIn(bytes).filter((entry) => !isOwn(entry)));
}

/** The headers with what is to travel beside them. What there is no room for stays behind: no message is refused for it. */
export function withContext(
  headers: Buffer | null,
  context: Iterable<readonly [string, string]>,
): Buffer | null {
  let bytes = headers;
  let entries = entriesIn(headers);
  for (const [name, value] of new Map(context)) {
    if (typeof name !== 'string' || typeof value !== 'string') continue;
    const longer: [string, string][] = [...entries, [OWN + name, value]];
    const longerBytes = Buffer.from(JSON.stringify(longer), 'utf8');
    if (longer.length > MAX_HEADERS || longerBytes.length > MAX_HEADERS_BYTES) continue;
    [entries, bytes] = [longer, longerBytes];
  }
  return bytes;
}

/** What has travelled beside the headers: nothing, where they can't be read. */
export function contextOf(headers: Uint8Array | null): ReadonlyMap<string, string> {
  try {
    const own = entriesIn(headers).filter(isOwn);
    return new Map(own.map(([name, value]) => [name.slice(OWN.length), value]));
  } catch {
    return new Map();
  }
}

function entriesIn(bytes: Uint8Array | null): [string, string][] {
  return bytes === null ? [] : (JSON.parse(Buffer.from(bytes).toString('utf8')) as [string, string][]);
}

function isOwn([name]: readonly [unknown, unknown]): boolean {
  return typeof name === 'string' && name.startsWith(OWN);
}
