/** Statements that begin or end a transaction, behind any comments and white space. A savepoint is the handler's own. */
const CONTROL = /^(?:BEGIN|COMMIT|END|ROLLBACK(?!\s+(?:TRANSACTION\s+)?TO\b)|START\s+TRANSACTION)\b/i;
const LEADING_NOISE = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*(?!!)[\s\S]*?\*\/|;)+/;

export function isTransactionControl(sql: string): boolean {
  return CONTROL.test(sql.replace(LEADING_NOISE, ''));
}
