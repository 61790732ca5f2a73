import type { Acceptance } from '../transport/port.js';
import { InnerMsgIds, timeOf } from './inner-msg-id.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** New ids, by the broker's clock, for messages that were never sent and whose own ids the broker can't judge. */
export function freshIdsOf({ now, floor, windowMs }: Acceptance) {
  const nowMs = now / 1000;
  // Half a window is left to send it again and again before it would be forgotten.
  const oldestMs = Math.max(floor ? timeOf(floor) : 0, nowMs - windowMs) + windowMs / 2;
  // Where the broker's clock was ahead for a while its floor is too, and what is made by the clock would be quarantined.
  const ids = new InnerMsgIds(() => Math.floor(Math.max(nowMs, oldestMs + 1)));
  return {
    /** @returns undefined where the id is good as it is */
    insteadOf(innerMsgId: Buffer): Buffer | undefined {
      const ms = timeOf(innerMsgId);
      return ms <= oldestMs || ms > nowMs + DAY_MS ? ids.next() : undefined;
    },
  };
}
