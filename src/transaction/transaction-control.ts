/**
 * Statements of SQLite that begin or end a transaction, behind any comments and white space. A savepoint is the handler's
 * own. What a comment of `/*!` contains is executed by MySQL and MariaDB only.
 */
const CONTROL = /^(?:BEGIN|COMMIT|END|ROLLBACK(?!\s+(?:TRANSACTION\s+)?TO\b)|START\s+TRANSACTION)\b/i;
const LEADING_NOISE = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)+/;

export function isTransactionControl(sql: string): boolean {
  return CONTROL.test(sql.replace(LEADING_NOISE, ''));
}

/** Locks of MySQL and MariaDB that neither COMMIT nor ROLLBACK ends, and that the server doesn't report as a change. */
const LASTING = /\bLOCK\s+TABLES?\b|\bGET_LOCK\s*\(|^\s*(?:FLUSH|HANDLER|XA)\b/i;
/** Long statements are long for their values, which come last. */
const LOOKED_AT = 500;

export function outlastsTransaction(sql: string): boolean {
  return LASTING.test(sql.slice(0, LOOKED_AT));
}
