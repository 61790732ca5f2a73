import type { DataSource, EntityManager } from 'typeorm';
import { numbered } from '../../src/storage/numbered.js';

/** Columns of the tests' own entities, which PostgreSQL takes for others unless they are in quotes. */
const MIXED_CASE = /(?<!["\w])(paymentId|issuedBy)(?!["\w])/g;
const IN_TEXT = /('[^']*')/;

/** A statement of a test, as all other engines take it, in PostgreSQL's words. */
export function inPostgresWords(sql: string): string {
  const parts = sql
    .replaceAll('`body`', 'body')
    .replace(/\bx'([0-9a-f]*)'/gi, (_, hex: string) => `'\\x${hex}'::bytea`)
    .replace(/\bHEX\(([\w.]+)\)/gi, (_, bytes: string) => `UPPER(encode(${bytes}, 'hex'))`)
    .split(IN_TEXT);
  return numbered(parts.map((part, i) => (i % 2 ? part : part.replace(MIXED_CASE, '"$1"'))).join(''));
}

/** From now on `dataSource.query(…)` takes the statements of tests on PostgreSQL too. */
export function withTestStatements<T extends DataSource>(dataSource: T): T {
  if (dataSource.options.type !== 'postgres') return dataSource;
  const query = dataSource.query.bind(dataSource);
  dataSource.query = (sql, ...rest) => query(inPostgresWords(sql), ...rest);
  return dataSource;
}

/** The same of a handler's statement, on its manager. */
export function forEngineOf({ dataSource }: EntityManager, sql: string): string {
  return dataSource.options.type === 'postgres' ? inPostgresWords(sql) : sql;
}
