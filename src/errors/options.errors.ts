import { describeError } from './describe-error.js';
import { IdempotentMqError, describeValue } from './idempotent-mq.error.js';

/** An option of `forRoot`, of a decorator or of a call is wrong. Names the option, the value that came and the remedy. */
export class InvalidOptionError extends IdempotentMqError {
  readonly code = 'OPTIONS_INVALID';

  constructor(
    readonly option: string,
    value: unknown,
    expected: string,
  ) {
    super(`${option} must be ${expected} (got ${describeValue(value)}).`);
  }
}

/** The parts of an application don't fit together, for instance two consumers of one subscription. */
export class ConfigurationError extends IdempotentMqError {
  readonly code = 'OPTIONS_INVALID';
}

/** The DataSource is of an engine, or of a version of it, that the guarantee hasn't been shown for. */
export class UnsupportedDatabaseError extends IdempotentMqError {
  readonly code = 'UNSUPPORTED_DATABASE';
}

/** The library's tables are not there, or not of this version. */
export class SchemaMissingError extends IdempotentMqError {
  readonly code = 'SCHEMA_MISSING';
}

/** The broker is elsewhere, in a database of its own or as a service, and does not answer. */
export class BrokerUnreachableError extends IdempotentMqError {
  readonly code = 'BROKER_UNREACHABLE';

  /** @param name of the database, or the address of the service, for the message */
  constructor(name: string, options: { cause: unknown }, what = "The broker's database") {
    super(`${what} (${name}) can't be reached: ${describeError(options.cause)}.`, options);
  }
}

/**
 * The broker does not let this process in, or does not do what it was asked for: a service whose token may not do that, or
 * that is none; an engine that does not take the user or the password.
 */
export class BrokerRefusedError extends IdempotentMqError {
  readonly code = 'BROKER_REFUSED';

  /** @param problem the code of docs/protocol.md; undefined where the answer was none of the protocol */
  constructor(
    message: string,
    readonly problem: string | undefined,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** The engine in the broker's place does not give what was asked for. Nothing was done. */
export class CapabilityMissingError extends IdempotentMqError {
  readonly code = 'CAPABILITY_MISSING';

  /**
   * @param used what was called, or set
   * @param instead what to do
   */
  constructor(
    used: string,
    readonly capability: string,
    broker: string,
    instead: string,
  ) {
    super(
      `${used} is nothing that this broker (${broker}) gives: its transport declares ${capability}: false. ${instead} ` +
        'docs/transports.md has the table of what each transport gives.',
    );
  }
}

/** The database is set so that it can lose commits that it has acknowledged. */
export class NotDurableError extends IdempotentMqError {
  readonly code = 'NOT_DURABLE';

  /** @param isAccepted the option durability: 'warn' is set already */
  constructor(problems: readonly string[], { isAccepted = false } = {}) {
    super(
      `The database can lose commits that it has acknowledged, and with them messages and effects: ${problems.join('; ')}. ` +
        `Change these settings${isAccepted ? '' : ", or accept the loss with the option durability: 'warn'"}. See docs/guarantees.md, What it needs of the database.`,
    );
  }
}
