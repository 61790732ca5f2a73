import { InvalidOptionError } from '../errors/index.js';

/** A thousand years, which fit into the tables' times, and more than any test lets pass. */
const MOST_MS = 365_250 * 86_400_000;

/** @throws InvalidOptionError: what is no number would never be over, or become the time of each row */
export function checkMs(name: string, given: unknown, least = 0): void {
  if (Number.isInteger(given) && Number(given) >= least && Number(given) <= MOST_MS) return;
  throw new InvalidOptionError(name, given, `a whole number of milliseconds, ${least} or more`);
}
