import { inspect, types } from 'node:util';

const WHOLE = { depth: 20, sorted: true, maxArrayLength: null, maxStringLength: null } as const;
/** Of a value that is printed. */
const SHOWN = 2_000;

/**
 * A value as text, to compare it, and to show it.
 *
 * @throws TypeError when it has a promise in it: what that brings nobody would compare
 */
export function textOf(value: unknown, id: string): string {
  const place = placeOfPromise(value, 'observe()');
  if (place !== undefined) throw new TypeError(`observe returned a promise in ${place}: await it.`);
  return inspect(value, WHOLE).replaceAll(id, '<id>');
}

export function shown(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function placeOfPromise(value: unknown, place: string, seen = new Set<unknown>()): string | undefined {
  if (types.isPromise(value)) return place;
  if (typeof value !== 'object' || value === null || seen.has(value)) return undefined;
  seen.add(value);
  const parts: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
  for (const [name, part] of parts) {
    const found = placeOfPromise(part, `${place}.${String(name)}`, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}
