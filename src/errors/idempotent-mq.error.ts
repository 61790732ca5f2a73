/** Every code that an error of this library can carry; docs/operations.md says what to do about each. */
export type IdempotentMqErrorCode =
  | 'ACK_MISSING'
  | 'ACK_TIMEOUT'
  | 'BIZ_ID_CONFLICT'
  | 'BIZ_ID_INVALID'
  | 'COMMIT_UNKNOWN'
  | 'CONNECTION_LOST'
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
  | 'BROKER_REFUSED'
  | 'BROKER_UNREACHABLE'
  | 'CAPABILITY_MISSING'
  | 'SCOPE_DOOMED'
  | 'SCOPE_TORN'
  | 'SHUTTING_DOWN'
  | 'SQLITE_CONNECTION_CLOSED'
  | 'SQLITE_TRANSACTION_LOST'
  | 'SQLITE_WRITE_TIMEOUT'
  | 'STATEMENT_TIMEOUT'
  | 'SUBSCRIPTION_REMOVED'
  | 'SCENARIO_SHARED'
  | 'TOPIC_LOCKED'
  | 'TOO_OLD_TO_JUDGE'
  | 'TOPIC_INVALID'
  | 'PUBLISH_INCOMPLETE'
  | 'TRANSACTION_ENDED'
  | 'TRANSACTION_REQUIRED'
  | 'UNSETTLED_QUERY'
  | 'UNSUPPORTED_DATABASE';

/** On each error of this library, under a name that the ESM and the CommonJS copy share: others use codes like REJECTED too. */
const BRAND: unique symbol = Symbol.for('nestjs-idempotent-mq.error');

/**
 * Base of all errors of this library.
 *
 * Compare `code` rather than using `instanceof`: an application may load the ESM and the CommonJS copy side by side.
 */
export abstract class IdempotentMqError extends Error {
  abstract readonly code: IdempotentMqErrorCode;
  declare readonly [BRAND]: true;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

Object.defineProperty(IdempotentMqError.prototype, BRAND, { value: true });

/** Whether it is an error of this library, of whichever copy, with this code. */
export function isLibraryError(error: unknown, code: IdempotentMqErrorCode): boolean {
  if (typeof error !== 'object' || error === null || !(BRAND in error)) return false;
  return (error as { code?: unknown }).code === code;
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
  if (typeof value === 'string') return `the string ${JSON.stringify(shorten(withoutUser(value)))}`;
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
    return `the ${typeof value} ${String(value)}`;
  }
  if (value instanceof Promise) return 'a promise';
  if (typeof value !== 'object') return `a ${typeof value}`;
  const kind = Array.isArray(value) ? 'an array' : 'an object';
  try {
    // A Promise or a Date is nothing that JSON would show.
    const name = value.constructor?.name;
    const ofClass = name === undefined || name === 'Object' || name === 'Array' ? '' : ` (${shorten(name)})`;
    return `${kind}${ofClass} ${shorten(JSON.stringify(value, withoutSecrets))}`;
  } catch {
    // A cycle, a BigInt, or a toJSON() or a proxy that throws.
    return kind;
  }
}

/** Options of databases go past here, and errors into logs. */
function withoutSecrets(key: string, value: unknown): unknown {
  if (/pass|secret|token|credential|key$|^url$/i.test(key)) return '***';
  return typeof value === 'string' ? withoutUser(value) : value;
}

/** A URL may have a password in it, wherever it comes; it goes up to the last @, however it is misspelt. */
function withoutUser(text: string): string {
  return text.replace(/^(\s*[a-z][a-z0-9+.-]*:\/\/).*@/is, '$1***@');
}

function shorten(text = ''): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
