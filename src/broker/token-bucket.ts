import type { LimitRow } from '../storage/index.js';

/** How many deliveries may be handed out at once, and as of when. */
export type Bucket = Pick<LimitRow, 'tokens' | 'refilledAt'>;

/** Who waited for the limit's lock asked for the time before others refilled it: by no more than the lock wait of 1 s. */
const CLOCK_WAS_SET_BACK_US = 10_000_000;

/** What has come in since, up to one second's worth. */
export function refilled({ perSecond, tokens, refilledAt, now }: LimitRow): Bucket {
  if (perSecond === null) return { tokens, refilledAt };
  const elapsed = now - refilledAt;
  // Else nothing would come in until the clock is where it was.
  if (elapsed < -CLOCK_WAS_SET_BACK_US) return { tokens, refilledAt: now };
  if (elapsed <= 0) return { tokens, refilledAt };
  return { tokens: Math.min(capacity(perSecond), tokens + (elapsed / 1e6) * perSecond), refilledAt: now };
}

/** Full where there was no rate before. Setting a rate again gives nothing: else who does so often lifts the limit. */
export function changedBucket(former: LimitRow, perSecond: number | null): Bucket {
  if (perSecond === null) return { tokens: 0, refilledAt: former.now };
  if (former.perSecond === null) return { tokens: capacity(perSecond), refilledAt: former.now };
  const { tokens, refilledAt } = refilled(former);
  return { tokens: Math.min(capacity(perSecond), tokens), refilledAt };
}

/** Whole ones. A tenth of a second at 10 per second is one, whatever its digits say. */
export function wholeTokens({ tokens }: Bucket): number {
  return Math.floor(tokens + 1e-6);
}

function capacity(perSecond: number): number {
  return Math.max(1, perSecond);
}
