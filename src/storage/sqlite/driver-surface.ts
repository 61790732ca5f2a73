import type { QueryRunner } from 'typeorm';

/**
 * The parts of better-sqlite3, and of TypeORM's driver for it, that this folder relies on. Those of TypeORM are
 * private or protected there: check-driver-surface.ts looks for them before anything is replaced.
 */

/** An open better-sqlite3 `Database`. */
export interface RawDatabase {
  readonly open: boolean;
  readonly inTransaction: boolean;
  readonly readonly: boolean;
  prepare(sql: string): RawStatement;
  exec(sql: string): unknown;
  pragma(source: string, options?: { simple: boolean }): unknown;
  close(): unknown;
}

/** A better-sqlite3 `Statement`. */
export interface RawStatement {
  /** It answers rows. */
  readonly reader: boolean;
  /** SQLite's own word that it can't change the database file. */
  readonly readonly: boolean;
  all(...parameters: unknown[]): unknown[];
  run(...parameters: unknown[]): { changes: number; lastInsertRowid: number | bigint };
}

export type RawDatabaseClass = new (...parameters: unknown[]) => RawDatabase;

/** TypeORM's `BetterSqlite3Driver`. */
export interface SqliteDriver {
  readonly options: { readonly database: string; readonly statementCacheSize?: number };
  readonly sqlite: RawDatabaseClass;
  readonly attachedDatabases: object;
  /** The driver's only handle; undefined before `initialize()`, closed after `destroy()`. */
  databaseConnection?: RawDatabase;
  /** The runner that everybody shares. */
  queryRunner?: QueryRunner | undefined;
  createQueryRunner(mode: 'master' | 'slave'): QueryRunner;
  createDatabaseConnection: (this: SqliteDriver) => Promise<RawDatabase>;
  attachDatabases: (this: SqliteDriver) => Promise<void>;
  disconnect(): Promise<void>;
}

/** TypeORM's `BetterSqlite3QueryRunner`: what is overridden, and the state that the overrides look after. */
export interface DriverRunner {
  isReleased: boolean;
  isTransactionActive: boolean;
  transactionDepth: number;
  readonly broadcaster: QueryRunner['broadcaster'];
  connect(): Promise<RawDatabase>;
  query(sql: string, parameters?: unknown, useStructuredResult?: boolean): Promise<unknown>;
  /** `query` calls it once, and then `all` or `run` of what it answers, within the same `try`. */
  getStmt(sql: string): Promise<FinishedStatement>;
  startTransaction(isolationLevel?: string): Promise<void>;
  commitTransaction(): Promise<void>;
  rollbackTransaction(): Promise<void>;
  beforeMigration(): Promise<void>;
  afterMigration(): Promise<void>;
  release(): Promise<void>;
}

export type DriverRunnerClass = new (driver: SqliteDriver) => DriverRunner;

/** The outcome of a statement in the shape in which TypeORM expects a statement. */
export type FinishedStatement = Pick<RawStatement, 'reader' | 'all' | 'run'>;
