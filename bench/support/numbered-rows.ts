import type { DataSource } from 'typeorm';

const DIGITS = 6;
const CHUNK = 10 ** DIGITS;
const N = `(${Array.from({ length: DIGITS }, (_, i) => `${10 ** i} * d${i}.d`).join(' + ')})`;
const FROM = Array.from({ length: DIGITS }, (_, i) => `digit d${i}`).join(', ');

/** In a statement of {@link insertNumbered}: the row's number, from 0. */
export const NUMBER = 'n';

/**
 * Rows made by the server itself, a million in each statement.
 *
 * @param insert `INSERT INTO … (…) SELECT …` over {@link NUMBER}, without FROM
 * @param options.orderBy in which order they are inserted
 */
export async function insertNumbered(
  dataSource: DataSource,
  rows: number,
  insert: string,
  { orderBy = NUMBER } = {},
): Promise<void> {
  await dataSource.query('CREATE TABLE digit (d INT PRIMARY KEY)');
  await dataSource.query('INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)');
  for (let first = 0; first < rows; first += CHUNK) {
    await dataSource.query(
      `${insert} FROM (SELECT ${first} + ${N} AS n FROM ${FROM}) AS made WHERE n < ? ORDER BY ${orderBy}`,
      [Math.min(rows, first + CHUNK)],
    );
  }
  await dataSource.query('DROP TABLE digit');
}
