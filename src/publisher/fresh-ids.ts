import type { Acceptance } from '../transport/port.js';
import { InnerMsgIds, timeOf } from './inner-msg-id.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** New ids, by the broker's clock, for messages that were never sent and whose own ids the broker can't judge. */
export function freshIdsOf({ now, floor, windowMs }: Acceptance) {
  const nowMs = now / 1000;
  const ids = new InnerMsgIds(() => Math.floor(nowMs));
  // Half a window is left to send it again and again before it would be forgotten.
  const oldestMs = Math.max(floor ? timeOf(floor) : 0, nowMs - windowMs) + windowMs / 2;
  return {
    /** @returns undefined where the id is good as it is */
    insteadOf(innerMsgId: Buffer): Buffer | undefined {
      const ms = timeOf(innerMsgId);
      return ms <= oldestMs || ms > nowMs + DAY_MS ? ids.next() : undefined;
    },
  };
}
