import { IdempotentMqError } from '../../errors/index.js';

/**
 * SQLite ended the transaction before its owner did: after an `ON CONFLICT ROLLBACK`, a raw COMMIT or ROLLBACK, a full
 * disk. What comes next would be durable by itself, so it is refused; the transaction can only be rolled back.
 */
export class SqliteTransactionLostError extends IdempotentMqError {
  readonly code = 'SQLITE_TRANSACTION_LOST';

  constructor(sql: string) {
    super(
      'The transaction is over: the database ended it (an INSERT OR ROLLBACK, a raw COMMIT or ROLLBACK, a full disk), ' +
        `or it was committed before this statement had run (an await is missing). Refused: ${excerpt(sql)}`,
    );
  }
}

/** The DataSource was destroyed, or its handles were closed, beneath this query runner. */
export class SqliteConnectionClosedError extends IdempotentMqError {
  readonly code = 'SQLITE_CONNECTION_CLOSED';

  constructor() {
    super('The connection is closed: its DataSource was destroyed or is not initialized.');
  }
}

function excerpt(sql: string): string {
  const text = sql.replace(/\s+/g, ' ').trim();
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
