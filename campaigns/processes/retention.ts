import type { Shape } from '../databases/pair.js';

/**
 * Times of campaign `forgetting`, in milliseconds. A process is made there with half of `SLACK_MS` in place of the half hour
 * from which on the library judges ages: all that it says about that time is that no slack is shorter than two of it.
 */
export const SLACK_MS = 1_000;
export const JUDGED_FROM_MS = SLACK_MS / 2;

/** As short as the options allow with such a relay: 20 times its longest wait for an ACK and its longest pause. */
export const FORGETTING_RELAY = { ackTimeoutMs: 300, delayMs: 50, maxDelayMs: 100 };
const WINDOW_MS = 20 * (FORGETTING_RELAY.ackTimeoutMs + FORGETTING_RELAY.maxDelayMs);

/** How long a biz-id is known after its effect. */
export function retentionMs(shape: Shape): number {
  return shape === 1 ? 6 * SLACK_MS : WINDOW_MS + SLACK_MS;
}

export function retentionFor(shape: Shape) {
  return { slackMs: SLACK_MS, dedupMs: retentionMs(shape), innerMsgIdWindowMs: WINDOW_MS };
}
