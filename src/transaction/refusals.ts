import { ManualTransactionControlError, ScopeDoomedError } from '../errors/index.js';

/** What a scope answers to what it doesn't let through. */

export function manualControl(scope: string, what: string): ManualTransactionControlError {
  return new ManualTransactionControlError(
    `${scope} ${what}, but the transaction is the library's: return to commit, throw to roll back, ` +
      'and use manager.transaction(…) for a part that may be undone by itself.',
  );
}

export function furtherStatement(why: string, cause?: unknown): ScopeDoomedError {
  return new ScopeDoomedError(
    `${why}, so a further statement is refused. Let errors of the database end the handler, and await every statement.`,
    { cause },
  );
}
