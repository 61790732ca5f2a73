import { DataSource } from 'typeorm';
import type { TestDatabase } from '../../support/engines.js';

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
  return new DataSource({ ...database.options, ...more }).initialize();
}

/** The statement that would create each table of the database as it is now, by the table's name. */
export async function definitionsOf(dataSource: DataSource): Promise<Record<string, string>> {
  if (dataSource.options.type === 'better-sqlite3') {
    const rows = await dataSource.query(
      `SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    );
    return Object.fromEntries(rows.map(({ name, sql }: { name: string; sql: string }) => [name, sql]));
  }
  const definitions: Record<string, string> = {};
  for (const row of await dataSource.query('SHOW TABLES')) {
    const name = String(Object.values(row)[0]);
    const [created] = await dataSource.query(`SHOW CREATE TABLE \`${name}\``);
    definitions[name] = created['Create Table'].replace(/ AUTO_INCREMENT=\d+/, '');
  }
  return definitions;
}

/** The names of all tables in the database, in order. */
export async function tableNamesOf(dataSource: DataSource): Promise<string[]> {
  return Object.keys(await definitionsOf(dataSource)).sort();
}

export async function count(dataSource: DataSource, table: string): Promise<number> {
  const [{ n }] = await dataSource.query(`SELECT COUNT(*) AS n FROM ${table}`);
  return Number(n);
}
