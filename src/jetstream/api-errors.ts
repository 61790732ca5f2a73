import { JetStreamApiError } from '@nats-io/jetstream';

/** What the server answers, by the numbers of its own list. */
const CODES = {
  consumerNotFound: 10014,
  messageNotFound: 10037,
  streamExists: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  consumerNameInUse: 10013,
  consumerExists: 10148,
  replicasNotSupported: 10074,
} as const;

export function isApiError(error: unknown, ...kinds: (keyof typeof CODES)[]): boolean {
  return error instanceof JetStreamApiError && kinds.some((kind) => CODES[kind] === error.code);
}
