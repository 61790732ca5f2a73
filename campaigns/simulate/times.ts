/** Milliseconds. Short ones, so that what waits for them happens often; those of forgetting are of days, and days pass. */
const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;
export const DAY_MS = 24 * HOUR_MS;
export const LEASE_MS = 3 * SECOND_MS;
export const HANDLER_MS = 2 * SECOND_MS;
export const SHUTDOWN_MS = 4 * SECOND_MS;
export const UNROUTED_MS = 60 * SECOND_MS;
export const SLACK_MS = HOUR_MS;
export const WINDOW_MS = 2 * DAY_MS;
export const RETENTION_MS = 4 * DAY_MS;
