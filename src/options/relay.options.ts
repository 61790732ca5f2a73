import { InvalidOptionError } from '../errors/index.js';
import { MAX_TIMER_MS, whole } from './values.js';

/** How what is in the outbox gets to a broker that is elsewhere. */
export interface RelayOptions {
  /** Most messages that are sent together. @default 500 */
  batch?: number;
  /** How long to wait for an ACK before the same is sent again, in milliseconds. @default 10000 */
  ackTimeoutMs?: number;
  /**
   * How often an idle relay looks, in milliseconds. A publish in its own process wakes it at once; after one of another
   * process it looks soon again, from 5 ms on. @default 200
   */
  pollMs?: number;
  /** Wait before a message is sent again, in milliseconds; it doubles. @default 500 */
  delayMs?: number;
  /** Longest wait before a message is sent again, in milliseconds. @default 30000 */
  maxDelayMs?: number;
}

/** SQLite takes 32,766 parameters in a statement. */
const MAX_SHIPMENT = 5_000;

export function relayOptions(relay: RelayOptions) {
  const maxDelayMs = whole('relay.maxDelayMs', relay.maxDelayMs, 30_000, MAX_TIMER_MS);
  const delayMs = whole('relay.delayMs', relay.delayMs, Math.min(500, maxDelayMs), MAX_TIMER_MS);
  if (delayMs > maxDelayMs) {
    throw new InvalidOptionError('relay.delayMs', delayMs, `at most relay.maxDelayMs (${maxDelayMs})`);
  }
  return {
    batch: whole('relay.batch', relay.batch, 500, MAX_SHIPMENT),
    ackTimeoutMs: whole('relay.ackTimeoutMs', relay.ackTimeoutMs, 10_000, MAX_TIMER_MS),
    pollMs: whole('relay.pollMs', relay.pollMs, 200, MAX_TIMER_MS),
    retry: { delayMs, maxDelayMs },
  };
}
