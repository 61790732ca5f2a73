/** Every code that an error of this library can carry; docs/operations.md says what to do about each. */
export type IdempotentMqErrorCode =
  | 'ACK_MISSING'
  | 'ACK_TIMEOUT'
  | 'BIZ_ID_INVALID'
  | 'COMMIT_UNKNOWN'
  | 'DEDUP_KEY_IN_PROGRESS'
  | 'DELIVERY_TIMEOUT'
  | 'HANDLER_CALLED_TWICE'
  | 'HANDLER_NOT_CALLED'
  | 'LEASE_LOST'
  | 'MANUAL_TRANSACTION_CONTROL'
  | 'NO_CONNECTION'
  | 'OPTIONS_INVALID'
  | 'OUTER_DATASOURCE'
  | 'PAYLOAD_INVALID'
  | 'REJECTED'
  | 'RETRY_LATER'
  | 'SCHEMA_MISSING'
  | 'NOT_DURABLE'
  | 'SCOPE_DOOMED'
  | 'SCOPE_TORN'
  | 'SQLITE_CONNECTION_CLOSED'
  | 'SQLITE_TRANSACTION_LOST'
  | 'SQLITE_WRITE_TIMEOUT'
  | 'STATEMENT_TIMEOUT'
  | 'SUBSCRIPTION_REMOVED'
  | 'SCENARIO_SHARED'
  | 'TOPIC_LOCKED'
  | 'TOPIC_INVALID'
  | 'PUBLISH_INCOMPLETE'
  | 'TRANSACTION_ENDED'
  | 'TRANSACTION_REQUIRED'
  | 'UNSETTLED_QUERY'
  | 'UNSUPPORTED_DATABASE';

/**
 * Base of all errors of this library.
 *
 * Compare `code` rather than using `instanceof`: an application may load the ESM and the CommonJS copy side by side.
 */
export abstract class IdempotentMqError extends Error {
  abstract readonly code: IdempotentMqErrorCode;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The `code` of an error of this library or of a driver, looked for in the error and in what wrapped it. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { code?: unknown; driverError?: { code?: unknown } };
  if (typeof code === 'string') return code;
  return typeof driverError?.code === 'string' ? driverError.code : undefined;
}

/** What came, for an error message: its type and a short rendering, never throwing and never long. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(shorten(value))}`;
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
    return `the ${typeof value} ${String(value)}`;
  }
  if (value instanceof Promise) return 'a promise';
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
