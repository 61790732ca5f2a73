import { InvalidOptionError } from '../errors/index.js';

export const DAY_MS = 24 * 60 * 60 * 1000;
/** Node runs a timer that is longer than this at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
/** A hundred years: in microseconds it still fits the database's integers. */
export const MAX_WAIT_MS = 100 * 365 * DAY_MS;

export function whole(
  option: string,
  value: number | undefined,
  otherwise: number,
  max = Number.MAX_SAFE_INTEGER,
  min = 1,
): number {
  if (value === undefined) return otherwise;
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new InvalidOptionError(option, value, `a whole number from ${min} to ${max}`);
  return value;
}

export function bool(option: string, value: boolean | undefined, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw new InvalidOptionError(option, value, 'a boolean');
  return value;
}

export function oneOf<T extends string>(
  option: string,
  value: T | undefined,
  known: readonly T[],
  otherwise: T,
): T {
  if (value === undefined) return otherwise;
  if (!known.includes(value))
    throw new InvalidOptionError(option, value, known.map((k) => `'${k}'`).join(' or '));
  return value;
}
