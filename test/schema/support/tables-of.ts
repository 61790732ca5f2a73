import { DataSource } from 'typeorm';
import type { TestDatabase } from '../../support/engines.js';
import { withTestStatements } from '../../support/postgres-words.js';

/** What the library's tables are called after their prefix. */
export const TABLES = [
  'accepted',
  'accepted_floor',
  'claim_answer',
  'dead_letter',
  'dedup',
  'dedup_kept',
  'delivery',
  'delivery_keyed',
  'keyed_turn',
  'group_limit',
  'limited_lease',
  'known_dedup',
  'known_origin',
  'message',
  'outbox',
  'outbox_keyed',
  'outbox_origin',
  'outbox_scheduled',
  'parked',
  'paused',
  'quarantine',
  'scenario',
  'scenario_contract',
  'scenario_source',
  'schema_version',
  'subscription',
  'topic',
  'waiting',
];

export const tablesWith = (prefix: string, suffix = '') =>
  TABLES.map((table) => `${prefix}${table}${suffix}`).sort();

/** A DataSource of this database beside any app, connected. */
export function connect(database: TestDatabase, more: object = {}): Promise<DataSource> {
  return withTestStatements(new DataSource({ ...database.options, ...more })).initialize();
}

/** The statement that would create each table of the database as it is now, by the table's name. */
export async function definitionsOf(dataSource: DataSource): Promise<Record<string, string>> {
  if (dataSource.options.type === 'better-sqlite3') {
    const rows = await dataSource.query(
      `SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    );
    return Object.fromEntries(rows.map(({ name, sql }: { name: string; sql: string }) => [name, sql]));
  }
  if (dataSource.options.type === 'postgres') return postgresDefinitions(dataSource);
  const definitions: Record<string, string> = {};
  for (const row of await dataSource.query('SHOW TABLES')) {
    const name = String(Object.values(row)[0]);
    const [created] = await dataSource.query(`SHOW CREATE TABLE \`${name}\``);
    definitions[name] = created['Create Table'].replace(/ AUTO_INCREMENT=\d+/, '');
  }
  return definitions;
}

/** PostgreSQL keeps no such statement: the columns and constraints that it would have. */
async function postgresDefinitions(dataSource: DataSource): Promise<Record<string, string>> {
  const rows = await dataSource.query(`
    SELECT c.relname AS name,
           (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity), ', ' ORDER BY a.attnum)
              FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
           || '; ' || COALESCE((SELECT string_agg(pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname)
              FROM pg_constraint k WHERE k.conrelid = c.oid), '') AS definition
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname`);
  return Object.fromEntries(rows.map(({ name, definition }: Record<string, string>) => [name, definition]));
}

/** The names of all tables in the database, in order. */
export async function tableNamesOf(dataSource: DataSource): Promise<string[]> {
  return Object.keys(await definitionsOf(dataSource)).sort();
}

export async function count(dataSource: DataSource, table: string): Promise<number> {
  const [{ n }] = await dataSource.query(`SELECT COUNT(*) AS n FROM ${table}`);
  return Number(n);
}
