import type { Dialect } from '../storage/index.js';
import { postgresStatements } from './postgres-statements.js';

/**
 * Statements of SQLite that begin or end a transaction, behind any comments and white space. A savepoint is the handler's
 * own. What a comment of `/*!` contains is executed by MySQL and MariaDB only.
 */
const CONTROL = /^(?:BEGIN|COMMIT|END|ROLLBACK(?!\s+(?:TRANSACTION\s+)?TO\b)|START\s+TRANSACTION)\b/i;
const LEADING_NOISE = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|;)+/;
/** Of PostgreSQL, each of several that one query may hold. Its procedures can't end the transaction that they are called in. */
const POSTGRES_CONTROL =
  /^(?:BEGIN|COMMIT|END|ABORT|ROLLBACK(?!\s+(?:(?:WORK|TRANSACTION)\s+)?TO\b)|START\s+TRANSACTION|PREPARE\s+TRANSACTION)\b/i;

export function isTransactionControl(sql: string, { engine }: Pick<Dialect, 'engine'>): boolean {
  if (engine === 'postgres')
    return postgresStatements(sql).some((statement) => POSTGRES_CONTROL.test(statement));
  return CONTROL.test(sql.replace(LEADING_NOISE, ''));
}

/** The same before a statement of MySQL and MariaDB, with what opens a comment that they execute. */
const SERVER_NOISE = /^(?:\s+|(?:--|#)[^\n]*|\/\*(?!M?!)[\s\S]*?\*\/|\/\*M?!\d*|;)+/;
const BEGINS_ANEW =
  /^(?:BEGIN(?!\s+NOT\b)|START\s+TRANSACTION|LOCK\s+TABLES?|(?:COMMIT|ROLLBACK)\s+(?:WORK\s+)?AND\s+CHAIN)\b/i;
const SEVERAL_BEGIN_ANEW =
  /;\s*(?:BEGIN(?!\s+NOT\b)|START\s+TRANSACTION|LOCK\s+TABLES?|(?:COMMIT|ROLLBACK)\s+(?:WORK\s+)?AND\s+CHAIN)\b/i;
const PLAIN_ROLLBACK = /^ROLLBACK(?:\s+WORK)?(?:\s+AND\s+(?:NO\s+)?CHAIN)?[\s;*/]*$/i;

/**
 * Whether MySQL or MariaDB has ended one transaction for it and begun another, which its answer doesn't show.
 *
 * @param isOneOfSeveral the query held several statements
 */
export function beginsAnew(sql: string, isOneOfSeveral: boolean): boolean {
  return BEGINS_ANEW.test(sql.replace(SERVER_NOISE, '')) || (isOneOfSeveral && SEVERAL_BEGIN_ANEW.test(sql));
}

/** It undoes everything. Whatever else ends a transaction may have made part of it durable. */
export function isPlainRollback(sql: string): boolean {
  return PLAIN_ROLLBACK.test(sql.replace(SERVER_NOISE, ''));
}

const HIDES_ITS_STATEMENTS = /(?:^|;)\s*(?:CALL|EXECUTE|BEGIN\s+NOT\s+ATOMIC)\b/i;

/** A procedure may have committed and written on, which neither its text nor the server's answer shows. */
export function hidesItsStatements(sql: string): boolean {
  return HIDES_ITS_STATEMENTS.test(sql.replace(SERVER_NOISE, ''));
}

/**
 * What neither COMMIT nor ROLLBACK ends, and the server doesn't report as a change: locks, and variables that a query
 * assigns. What a procedure leaves behind no text shows.
 */
const LASTING = /\bLOCK\s+TABLES?\b|\bGET_LOCK\b|:=|\bINTO\s+@|(?:^|;)\s*(?:FLUSH|HANDLER|XA|CALL)\b/i;

/** The same of PostgreSQL, which reports no change at all: of what a function leaves behind, nothing is seen. */
const POSTGRES_LASTING =
  /^(?:SET(?!\s+(?:LOCAL|TRANSACTION|CONSTRAINTS)\b)|RESET|DISCARD|LISTEN|UNLISTEN|LOAD|PREPARE|DEALLOCATE|DECLARE|CALL|DO|CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:LOCAL|GLOBAL)\s+)?TEMP(?:ORARY)?)\b|^(?:SELECT|WITH)\b[\s\S]*\bINTO\s+(?:(?:LOCAL|GLOBAL)\s+)?TEMP(?:ORARY)?\b|^UPDATE\s+(?:pg_catalog\.)?pg_settings\b|\bpg_temp\b|\bpg_(?:try_)?advisory_lock|\bset_config\s*\(/i;

export function outlastsTransaction(sql: string, { engine }: Pick<Dialect, 'engine'>): boolean {
  if (engine === 'postgres')
    return postgresStatements(sql).some((statement) => POSTGRES_LASTING.test(statement));
  return LASTING.test(sql.replace(SERVER_NOISE, ''));
}
