import { DataSource } from 'typeorm';
import type { TestDatabase } from '../support/engines.js';
import { withTestStatements } from '../support/postgres-words.js';

/** Looks into a database from outside of every app. */
export async function connect<T>(
  { options }: TestDatabase,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const dataSource = await withTestStatements(new DataSource({ ...options, entities: [] })).initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}
