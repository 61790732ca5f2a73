import type { DataSource, EntityManager } from 'typeorm';
import { numbered } from '../databases/numbered.js';

/** A statement of a process's own, with a `?` for each value whatever the engine. @returns its rows, where it has some */
export function ask<Row = unknown>(
  on: DataSource | EntityManager,
  sql: string,
  values: unknown[],
): Promise<Row[]> {
  const { type } = ('options' in on ? on : on.dataSource).options;
  return on.query(type === 'postgres' ? numbered(sql) : sql, values);
}
