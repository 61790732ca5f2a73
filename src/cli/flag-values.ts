import { InvalidOptionError } from '../errors/index.js';

/** @throws InvalidOptionError naming the flag */
export function wholeNumber(flag: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw new InvalidOptionError(flag, given, 'a whole number');
}

/** With its zone: without one it would be the time of wherever this runs. */
const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/;

/** @throws InvalidOptionError naming the flag */
export function date(flag: string, given: string | undefined): Date | undefined {
  if (given === undefined) return undefined;
  const at = new Date(given);
  if (DATE.test(given) && !Number.isNaN(at.getTime()) && isInCalendar(given)) return at;
  throw new InvalidOptionError(flag, given, 'a time such as 2026-03-29 or 2026-03-29T01:30:00Z');
}

/** Of a day that there is not, `Date` makes a later one. */
function isInCalendar(given: string): boolean {
  const day = given.slice(0, 10);
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}
