import type { DataSource } from 'typeorm';
import { InvalidOptionError } from '../errors/index.js';
import { type Dialect, dialectOf } from './dialect.js';

/** The library's tables, one for each way in which the six steps need to remember something. */
export const TABLES = [
  'schema_version',
  'topic',
  'subscription',
  'paused',
  'message',
  'delivery',
  'delivery_keyed',
  'keyed_turn',
  'waiting',
  'parked',
  'dead_letter',
  'group_limit',
  'limited_lease',
  'claim_answer',
  'scenario',
  'scenario_source',
  'scenario_contract',
  'dedup',
  'dedup_kept',
  'outbox',
  'outbox_keyed',
  'outbox_scheduled',
  'outbox_origin',
  'accepted',
  'accepted_floor',
  'known_origin',
  'known_dedup',
  'quarantine',
] as const;

export type TableKey = (typeof TABLES)[number];

/** The library's tables in one database: what they are called there, and how that engine is talked to. */
export interface Database {
  readonly dialect: Dialect;
  /** Quoted and complete names, ready to stand in a statement. PostgreSQL's have their schema once the DataSource has connected. */
  readonly tables: Readonly<Record<TableKey, string>>;
  /** The same names unquoted, as TypeORM's entities want them. */
  readonly tableNames: Readonly<Record<TableKey, string>>;
}

export const DEFAULT_TABLE_PREFIX = 'mq_';

const TABLE_PREFIX = /^[A-Za-z_][A-Za-z0-9_]{0,30}$/;

export function isTablePrefix(value: unknown): value is string {
  return typeof value === 'string' && TABLE_PREFIX.test(value);
}

/**
 * Where the library's tables are in this DataSource: the app's `entityPrefix`, naming strategy and schema apply to them
 * as they do to its own tables.
 *
 * @throws InvalidOptionError when the prefix is no identifier
 */
export function databaseOf(dataSource: DataSource, tablePrefix = DEFAULT_TABLE_PREFIX): Database {
  if (!isTablePrefix(tablePrefix)) {
    throw new InvalidOptionError('tablePrefix', tablePrefix, `a string like ${TABLE_PREFIX.source}`);
  }
  const { namingStrategy, driver, options } = dataSource;
  const dialect = dialectOf(options.type);
  const named = (key: TableKey) => {
    const name = namingStrategy.tableName(`${tablePrefix}${key}`, `${tablePrefix}${key}`);
    return options.entityPrefix ? namingStrategy.prefixTableName(options.entityPrefix, name) : name;
  };
  const quoted = (name: string, schema: string | undefined) => {
    const parts =
      dialect.engine === 'postgres' ? [schema, name] : driver.buildTableName(name, schema).split('.');
    return parts
      .filter((part) => part !== undefined)
      .map((part) => dialect.quote(part))
      .join('.');
  };
  const tableNames = mapTables(named);
  const tablesIn = (schema: string | undefined) => mapTables((key) => quoted(tableNames[key], schema));
  let known = { schema: schemaOf(dataSource), tables: tablesIn(schemaOf(dataSource)) };
  return {
    dialect,
    tableNames,
    get tables() {
      const schema = schemaOf(dataSource);
      if (schema !== known.schema) known = { schema, tables: tablesIn(schema) };
      return known.tables;
    },
  };
}

/**
 * PostgreSQL's is named even where the app names none, and known once the DataSource has connected: else a handler that sets
 * a search_path of its own would have the library's statements write elsewhere.
 */
function schemaOf({ driver, options }: DataSource): string | undefined {
  const { schema } = options as { schema?: string };
  return schema ?? (driver as { searchSchema?: string | null }).searchSchema ?? undefined;
}

function mapTables(make: (key: TableKey) => string): Record<TableKey, string> {
  return Object.fromEntries(TABLES.map((key) => [key, make(key)])) as Record<TableKey, string>;
}
