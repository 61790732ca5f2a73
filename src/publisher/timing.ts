import { InvalidOptionError, type PublishCall } from '../errors/index.js';
import type { Timing } from '../transport/port.js';

export interface TimingOptions {
  /**
   * How long to wait before the message is delivered, in milliseconds, by the database's clock: a whole number of at most
   * ten years (315,360,000,000).
   *
   * @default 0
   */
  delayMs?: number;
  /** When to deliver it, until the year 2255; not before that moment of the database's clock. Instead of `delayMs`. */
  deliverAt?: Date;
  /** From when on it is of no use: it goes to the dead letters then (`expired`), and no handler runs. @default never */
  expiresAt?: Date;
}

/** Times are kept as whole microseconds in 53 bits: until the year 2255. */
const LATEST_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
const TEN_YEARS_MS = 10 * 365 * 24 * 60 * 60 * 1000;

/** @throws InvalidOptionError naming the option and what came */
export function timingOf(call: PublishCall, { delayMs, deliverAt, expiresAt }: TimingOptions): Timing {
  if (delayMs !== undefined && deliverAt !== undefined) {
    throw new InvalidOptionError(`${call}({ delayMs })`, delayMs, 'left out where deliverAt is given');
  }
  if (delayMs !== undefined && (!Number.isSafeInteger(delayMs) || delayMs < 0 || delayMs > TEN_YEARS_MS)) {
    throw new InvalidOptionError(`${call}({ delayMs })`, delayMs, `a whole number from 0 to ${TEN_YEARS_MS}`);
  }
  checkDate(`${call}({ deliverAt })`, deliverAt);
  checkDate(`${call}({ expiresAt })`, expiresAt);
  const delivered = deliverAt?.getTime() ?? Date.now() + (delayMs ?? 0);
  if (expiresAt && (deliverAt || delayMs) && expiresAt.getTime() <= delivered) {
    throw new InvalidOptionError(
      `${call}({ expiresAt })`,
      expiresAt.toISOString(),
      `later than the delivery, at ${new Date(delivered).toISOString()}`,
    );
  }
  return {
    ...(delayMs && { delayMs }),
    ...(deliverAt && { deliverAt: deliverAt.getTime() * 1000 }),
    ...(expiresAt && { expiresAt: expiresAt.getTime() * 1000 }),
  };
}

function checkDate(option: string, value: unknown): void {
  if (value === undefined) return;
  const ms = value instanceof Date ? value.getTime() : NaN;
  if (Number.isNaN(ms) || ms < 0 || ms > LATEST_MS) {
    throw new InvalidOptionError(option, value, 'a valid Date from 1970 to 2255');
  }
}
