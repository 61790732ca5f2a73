import { createHash } from 'node:crypto';

/** As deep as `payload.maxDepth` may be set; a value that contains itself gets there as well. */
const MAX_DEPTH = 1_000;

/**
 * 16 bytes that stand for what a body says: two bodies that JSON.parse makes the same of have the same. Of the canonical
 * form and not of the bytes, because another release of a publisher may write the same with its keys in another order.
 *
 * @throws TypeError for what JSON can't carry
 */
export function fingerprintOf(value: unknown): Buffer {
  return createHash('sha256').update(canonicalJson(value)).digest().subarray(0, 16);
}

/** JSON with the keys of each object in the order of their UTF-16 code units, and no spaces: RFC 8785. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH)
    throw new TypeError(`it is nested more than ${MAX_DEPTH} levels deep, or contains itself`);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (Number.isFinite(value)) return JSON.stringify(value);
      throw new TypeError(`it has the number ${value} in it`);
    case 'object':
      return value === null ? 'null' : canonicalObject(value, depth);
    default:
      throw new TypeError(`it has something of the type ${typeof value} in it`);
  }
}

function canonicalObject(value: object, depth: number): string {
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return canonicalJson(toJSON.call(value), depth + 1);
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item) => canonicalJson(item, depth + 1)).join(',')}]`;
  }
  // JSON writes {} for a Map, whatever is in it.
  const kind = Object.prototype.toString.call(value);
  if (kind !== '[object Object]')
    throw new TypeError(`it has an object of the kind ${kind.slice(8, -1)} in it`);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field, depth + 1)}`);
  return `{${fields.join(',')}}`;
}
