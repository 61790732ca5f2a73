import type { QueryResult } from 'typeorm';
import { numbered } from './numbered.js';

/** The minimal surface that the statements need of a connection. TypeORM's QueryRunner has it. */
export interface Connection {
  /** Whose connection it is: its driver may want other placeholders. Whatever stands for a runner passes this on. */
  readonly dataSource?: { readonly options: { readonly type: string } };
  query(sql: string, parameters: unknown[], useStructuredResult: true): Promise<QueryResult>;
}

/** Where the session stands after a statement, as MySQL and MariaDB say. The others say nothing here. */
export interface SessionState {
  inTransaction: boolean;
  autocommit: boolean;
  /** A setting, the current database, a temporary table or the like is not what it was before the statement. */
  changed: boolean;
}

export interface WriteResult {
  affected: number;
  /** The first generated id on MySQL and MariaDB, the last one on SQLite, none on PostgreSQL. */
  insertId: number;
  session?: SessionState;
}

const SERVER_STATUS_IN_TRANS = 1;
const SERVER_STATUS_AUTOCOMMIT = 2;
const SERVER_SESSION_STATE_CHANGED = 1 << 14;

export async function write(on: Connection, sql: string, parameters: unknown[]): Promise<WriteResult> {
  const { raw, affected } = (await send(on, sql, parameters)) as { raw: unknown; affected?: number };
  const session = sessionState(raw);
  const insertId = typeof raw === 'object' && raw !== null ? (raw as { insertId?: unknown }).insertId : raw;
  return { affected: affected ?? 0, insertId: Number(insertId ?? 0), ...(session && { session }) };
}

export async function read<Row>(on: Connection, sql: string, parameters: unknown[]): Promise<Row[]> {
  const { records } = await send(on, sql, parameters);
  return records as Row[];
}

/** The one way of the library's statements to a driver: they are written with a `?` for each parameter. */
function send(on: Connection, sql: string, parameters: unknown[]): Promise<QueryResult> {
  return on.query(on.dataSource?.options.type === 'postgres' ? numbered(sql) : sql, parameters, true);
}

/** The status bits of an OK packet of MySQL or MariaDB; undefined where there was none. */
export function sessionState(raw: unknown): SessionState | undefined {
  if (typeof raw !== 'object' || raw === null || !('serverStatus' in raw)) return undefined;
  const status = Number(raw.serverStatus);
  return {
    inTransaction: (status & SERVER_STATUS_IN_TRANS) !== 0,
    autocommit: (status & SERVER_STATUS_AUTOCOMMIT) !== 0,
    changed: (status & SERVER_SESSION_STATE_CHANGED) !== 0,
  };
}

/** The same of an answer in several parts: from a procedure, or to a query of several statements. Rows have none. */
export function sessionStates(raw: unknown): SessionState[] {
  const parts: unknown[] = Array.isArray(raw) ? raw.filter(isOkPacket) : [raw];
  return parts.flatMap((part) => sessionState(part) ?? []);
}

/** Told from a row by what no table has beside each other. */
function isOkPacket(part: unknown): boolean {
  const names = ['fieldCount', 'affectedRows', 'insertId', 'serverStatus', 'warningStatus'];
  return typeof part === 'object' && part !== null && names.every((name) => name in part);
}

/** Ends a SELECT on a session of the business, which may have set sql_select_limit. */
export const ALL_ROWS = `LIMIT ${Number.MAX_SAFE_INTEGER}`;

/** `?, ?, ?` */
export function placeholders(count: number): string {
  return Array<string>(count).fill('?').join(', ');
}

/** Whole ones, as the columns hold: a time of milliseconds may have a fraction, and PostgreSQL rounds none. */
export function microseconds(ms: number): number {
  return Math.round(ms * 1000);
}

/** What a comparison answered; no value is a no. */
export function isTrue(value: unknown): boolean {
  return Number(value ?? 0) === 1;
}
