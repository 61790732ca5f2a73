/** Every code that the broker service answers a request with that it did not carry out, and the HTTP status beside it. */
export const PROBLEMS = {
  /** No such operation, or version of the protocol. */
  UNKNOWN_OPERATION: 404,
  /** Operations are POST. */
  METHOD_NOT_ALLOWED: 405,
  /** No `authorization: Bearer …`, where the service has tokens. */
  TOKEN_MISSING: 401,
  /** None of its tokens. */
  TOKEN_UNKNOWN: 401,
  /** The token may not do that: another group's, or not what it is for. */
  SCOPE_MISSING: 403,
  /** Without tokens the service speaks with this very machine alone. */
  NOT_LOOPBACK: 403,
  /** Not `application/json`, not UTF-8, or compressed. */
  MEDIA_TYPE: 415,
  /** Longer than the service takes. */
  BODY_TOO_LARGE: 413,
  /** The body did not come in time. */
  BODY_TOO_SLOW: 408,
  /** No JSON, or nested too deep. */
  BODY_MALFORMED: 400,
  /** JSON, but not what this operation takes: a field is missing, unknown or wrong. */
  REQUEST_INVALID: 400,
  /** There is no such subscription (any more). */
  SUBSCRIPTION_UNKNOWN: 404,
  /** The group was removed from the topic, at this version or a later one. */
  SUBSCRIPTION_REMOVED: 409,
  /** A new group could not subscribe: a transaction that had published to the topic did not end. */
  TOPIC_LOCKED: 503,
  /** The service is stopping, has too much to do, or its database is away: the same again later. */
  UNAVAILABLE: 503,
  /** A fault of the service, which its log tells of. */
  INTERNAL: 500,
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** A request that was not carried out. */
export class Problem extends Error {
  constructor(
    readonly code: ProblemCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'Problem';
  }

  get status(): number {
    return PROBLEMS[this.code];
  }
}

export function isProblemCode(code: unknown): code is ProblemCode {
  return typeof code === 'string' && Object.hasOwn(PROBLEMS, code);
}
