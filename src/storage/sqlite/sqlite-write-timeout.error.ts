import { IdempotentMqError } from '../../errors/index.js';

/** Who held the write lock of a database file when a writer of this process gave up. */
export interface WriteLockHolder {
  /** The purpose that its query runner was created for. */
  name: string;
  /** How long it had held the lock, in milliseconds. */
  heldForMs: number;
}

/**
 * A writer waited longer than `writeWaitMs` for the write lock of a SQLite database. Nothing of the statement, or of
 * the transaction that it was to begin, has happened: it is safe to try again.
 */
export class SqliteWriteTimeoutError extends IdempotentMqError {
  readonly code = 'SQLITE_WRITE_TIMEOUT';

  constructor(
    /** The file as SQLite names it, or `:memory:`. */
    readonly database: string,
    /** The purpose that the query runner of the waiting writer was created for. */
    readonly writer: string,
    readonly waitedMs: number,
    /** undefined: another process, or a connection in this one that did not queue. */
    readonly holder: WriteLockHolder | undefined,
    options?: { cause?: unknown },
  ) {
    super(message(database, writer, waitedMs, holder), options);
  }
}

function message(
  database: string,
  writer: string,
  waitedMs: number,
  holder: WriteLockHolder | undefined,
): string {
  const waited = `${writer} waited ${Math.round(waitedMs)} ms to use ${database}`;
  if (holder) {
    return (
      `${waited}, but ${holder.name} had the write lock, for ${Math.round(holder.heldForMs)} ms so far. ` +
      'SQLite has one writer at a time. Potential solutions: inside of a transaction use its own manager, never the ' +
      'DataSource or a repository of it (those wait for the transaction that waits for them); keep transactions ' +
      'short, without network calls in them; release every query runner; or raise writeWaitMs.'
    );
  }
  return (
    `${waited}, but another process (or a connection outside of this library) held its write lock. ` +
    'Potential solutions: look for a program that keeps a transaction open on the file (a database browser, a ' +
    'backup, a stopped debugger); keep transactions short in every process that writes; or raise writeWaitMs.'
  );
}
