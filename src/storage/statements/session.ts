import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** How a session of the library's own is set up, and how its transactions begin and end. */

/** On MySQL READ COMMITTED takes no gap locks, so claims don't deadlock; and after a duplicate key the winner's row is visible. */
const READ_COMMITTED = 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED';

/**
 * The lock wait is short: claims, ACKs and renewals retry, and none of them may stand in line behind a handler. What the
 * server or `init_connect` may set for everybody doesn't count here: with a `sql_select_limit`, rows that are there would
 * look as if somebody had deleted them. And a process that is frozen in the middle of a transaction keeps its locks no
 * longer than `idleTimeoutSeconds`: nobody could claim past them.
 */
export function mysqlControlSession(idleTimeoutSeconds: number): string[] {
  return [
    READ_COMMITTED,
    'SET SESSION autocommit = 1, innodb_lock_wait_timeout = 1, sql_safe_updates = 0, sql_big_selects = 1, ' +
      `sql_select_limit = 18446744073709551615, wait_timeout = ${idleTimeoutSeconds}`,
  ];
}

/**
 * With autocommit off, what runs after a transaction was lost is in a new one, which ROLLBACK erases. And the server says
 * with each answer whether a handler has changed the session, which must not meet the next one.
 */
export function mysqlConsumerSession(idleTimeoutSeconds: number): string[] {
  return [
    READ_COMMITTED,
    `SET SESSION autocommit = 0, session_track_state_change = 1, wait_timeout = ${idleTimeoutSeconds}`,
  ];
}

/**
 * The same on PostgreSQL, where the server itself also gives up a statement of which nobody waits for the answer any more:
 * it does not look for whether the connection is still there.
 */
export function postgresControlSession(limits: {
  idleTimeoutSeconds: number;
  statementTimeoutMs: number;
}): string[] {
  return [
    POSTGRES_READ_COMMITTED,
    `SET lock_timeout = '1s'; SET statement_timeout = ${Math.ceil(limits.statementTimeoutMs)}; ` +
      `SET idle_in_transaction_session_timeout = '${limits.idleTimeoutSeconds}s'; SET bytea_output = 'hex'`,
  ];
}

/**
 * From version 14 on, the server looks whether the connection is still there while a statement runs or waits for a lock:
 * a handler that was cut off would else keep its dedup row locked for as long as its statement takes.
 */
export function postgresConsumerSession(idleTimeoutSeconds: number): string[] {
  return [
    POSTGRES_READ_COMMITTED,
    `SET idle_in_transaction_session_timeout = '${idleTimeoutSeconds}s'`,
    `SELECT set_config(name, '1000', false) FROM pg_settings
     WHERE name = 'client_connection_check_interval' AND setting = '0' AND version() LIKE '%linux%'`,
  ];
}

const POSTGRES_READ_COMMITTED = 'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED';

/** Says the level once more: a handler may have set its session to another one. */
export async function postgresBegin(on: Connection): Promise<void> {
  await write(on, 'START TRANSACTION ISOLATION LEVEL READ COMMITTED', []);
}

export async function begin({ dialect }: Database, on: Connection): Promise<void> {
  await write(on, dialect.engine === 'sqlite' ? 'BEGIN IMMEDIATE' : 'START TRANSACTION', []);
}

export async function commit(on: Connection): Promise<void> {
  await write(on, 'COMMIT', []);
}

export async function rollback(on: Connection): Promise<void> {
  await write(on, 'ROLLBACK', []);
}

export async function ping(on: Connection): Promise<void> {
  await read(on, 'SELECT 1 AS alive', []);
}

/** Largest packet that the server takes, in bytes; undefined where only memory is the limit. */
export async function maxPacketBytes({ dialect }: Database, on: Connection): Promise<number | undefined> {
  if (dialect.engine !== 'mysql') return undefined;
  const rows = await read<{ bytes: number | string }>(on, 'SELECT @@max_allowed_packet AS bytes', []);
  return Number(rows[0]?.bytes);
}
