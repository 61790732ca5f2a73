import { IdempotentMqError } from './idempotent-mq.error.js';

/** The scope can no longer commit, so its statements are refused. `cause` says what broke it. */
export class ScopeDoomedError extends IdempotentMqError {
  readonly code = 'SCOPE_DOOMED';
}

/** The scope was broken from within and may have left something durable: never run again by itself. */
export class ScopeTornError extends IdempotentMqError {
  readonly code = 'SCOPE_TORN';
}

/** Code in a scope tried to commit, roll back or begin the transaction that the library keeps. */
export class ManualTransactionControlError extends IdempotentMqError {
  readonly code = 'MANUAL_TRANSACTION_CONTROL';
}

/** Code in a scope reached for the application's DataSource, whose work would not be part of the transaction. */
export class OuterDataSourceError extends IdempotentMqError {
  readonly code = 'OUTER_DATASOURCE';

  constructor(scope: string) {
    super(
      `${scope} reached for the application's DataSource. Its statements would run outside of the transaction and ` +
        'take effect again with each redelivery. ' +
        'Potential solutions: use delivery.manager (or the manager that IdempotentExecutor.run passes); ' +
        'for an injected repository, delivery.manager.withRepository(repository); ' +
        'in a service, take the manager from ambientManager(); or, where working outside is meant, wrap the call in outsideTransaction(() => …).',
    );
  }
}

/** A query of the handler was still running when it returned, or failed unheard (an `await` is missing). */
export class UnsettledQueryError extends IdempotentMqError {
  readonly code = 'UNSETTLED_QUERY';
}

/** All connections of the library for this kind of work stayed in use. Nothing has happened: it is safe to try again. */
export class NoConnectionError extends IdempotentMqError {
  readonly code = 'NO_CONNECTION';

  /** @param which how many there are, and for whom */
  constructor(name: string, waitedMs: number, which: string) {
    super(
      `${name} waited ${waitedMs} ms for one of the ${which} that this process has (option consumers.connections). ` +
        'Potential solutions: raise consumers.connections; lower consumers.concurrency; ' +
        'or look for transactions that wait for something else meanwhile (a network call, or one another).',
    );
  }
}

/** A statement of the library took too long. Its connection was destroyed. */
export class StatementTimeoutError extends IdempotentMqError {
  readonly code = 'STATEMENT_TIMEOUT';
}

/** A connection was lost under a transaction of the library, which is rolled back. `cause` is the driver's error. */
export class ConnectionLostError extends IdempotentMqError {
  readonly code = 'CONNECTION_LOST';
}

/** COMMIT got no answer, so nobody knows yet. Do the same again: it meets its own dedup row if it did commit. */
export class CommitUnknownError extends IdempotentMqError {
  readonly code = 'COMMIT_UNKNOWN';
}
