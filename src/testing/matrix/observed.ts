import { INSPECT_MAX_BYTES } from 'node:buffer';
import { inspect, types } from 'node:util';

const WHOLE = { depth: null, sorted: true, maxArrayLength: null, maxStringLength: null } as const;
/** Of a value that is printed. */
const SHOWN = 2_000;

/**
 * A value as text, to compare it, and to show it.
 *
 * @throws TypeError when it has a promise in it: what that brings nobody would compare
 */
export function textOf(value: unknown, id: string): string {
  const bytes: Buffer[] = [];
  for (const { part, place } of partsOf(value, 'observe()')) {
    if (types.isPromise(part)) throw new TypeError(`observe returned a promise in ${place}: await it.`);
    if (Buffer.isBuffer(part) && part.length > INSPECT_MAX_BYTES) bytes.push(part);
  }
  // Of a Buffer, inspect has no more than the first bytes.
  const whole = [inspect(value, WHOLE), ...bytes.map((part) => part.toString('hex'))];
  return whole.join('\n').replaceAll(id, '<id>');
}

export function shown(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** The value, and all that is in it, each once. */
function* partsOf(
  part: unknown,
  place: string,
  seen = new Set<unknown>(),
): Generator<{ part: unknown; place: string }> {
  if (seen.has(part)) return;
  yield { part, place };
  if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) return;
  seen.add(part);
  for (const [name, inner] of entriesOf(part)) yield* partsOf(inner, `${place}.${String(name)}`, seen);
}

function entriesOf(value: object): Iterable<[unknown, unknown]> {
  if (value instanceof Map || value instanceof Set) return value.entries();
  return Object.entries(value);
}
