import { existsSync } from 'node:fs';
import type { DataSource } from 'typeorm';
import { SchemaMissingError } from '../errors/index.js';
import { nameOfDatabase } from '../storage/index.js';

/** Of a SQLite database whose file is not there, the path: opening it would make an empty one. */
export function missingFileOf(dataSource: Pick<DataSource, 'options'>): string | undefined {
  const { options } = dataSource;
  if (options.type !== 'better-sqlite3') return undefined;
  const file = nameOfDatabase(dataSource);
  return file === '' || file === ':memory:' || existsSync(file) ? undefined : file;
}

/** @throws SchemaMissingError when a path is misspelt */
export function fileMustExist(dataSource: DataSource): void {
  const missing = dataSource.isInitialized ? undefined : missingFileOf(dataSource);
  if (missing !== undefined) {
    throw new SchemaMissingError(`There is no file ${missing}: name the SQLite file that the app uses.`);
  }
}
