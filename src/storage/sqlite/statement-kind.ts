/** What has to be known of a statement before SQLite has compiled it. */
export type StatementKind =
  /** BEGIN: takes the write lock at once, whatever comes in the transaction. */
  | 'begin'
  /** BEGIN DEFERRED, SAVEPOINT: open a transaction that takes the write lock with its first write, if ever. */
  | 'begin deferred'
  | 'savepoint'
  /** Certainly a write. */
  | 'write'
  /** Changes the connection rather than the database: such a handle is not handed to the next runner. */
  | 'connection'
  | 'other';

const FIRST_WORD = /^(?:\s+|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*([a-z]+)/i;
const PLAIN_BEGIN = /^\s*begin(?:\s+transaction)?\s*;?\s*$/i;
const PRAGMA_WITH_VALUE = /\bpragma\s+(?:[\w"[\]`]+\s*\.\s*)?(\w+)\s*[=(]/i;
/** Pragmas whose argument is a question, and one that TypeORM sets with each isolation level, to no effect here. */
const HARMLESS_PRAGMA = /(?:info|list|check)$|^read_uncommitted$/i;

export function kindOf(sql: string): StatementKind {
  switch (FIRST_WORD.exec(sql)?.[1]?.toLowerCase()) {
    case 'begin':
      return /\bbegin\s+deferred\b/i.test(sql) ? 'begin deferred' : 'begin';
    case 'savepoint':
      return 'savepoint';
    case 'insert':
    case 'update':
    case 'delete':
    case 'replace':
    case 'alter':
    case 'drop':
      return 'write';
    case 'create':
      return /\bcreate\s+temp(?:orary)?\b/i.test(sql) ? 'connection' : 'write';
    case 'attach':
    case 'detach':
      return 'connection';
    case 'pragma':
      return changesConnection(sql) ? 'connection' : 'other';
    default:
      return 'other';
  }
}

/**
 * A plain BEGIN would take the write lock with the first write only. If another connection has written since the first
 * read, that write fails with SQLITE_BUSY_SNAPSHOT, and no retry within the transaction can help.
 */
export function takingTheLockAtOnce(sql: string): string {
  return PLAIN_BEGIN.test(sql) ? 'BEGIN IMMEDIATE' : sql;
}

function changesConnection(pragma: string): boolean {
  const name = PRAGMA_WITH_VALUE.exec(pragma)?.[1];
  return name !== undefined && !HARMLESS_PRAGMA.test(name);
}
