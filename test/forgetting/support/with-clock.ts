import type { LibraryConnections } from '../../../src/storage/index.js';

/** The same database with another clock. */
export function withClock(connections: LibraryConnections, aheadMs: number): LibraryConnections {
  const { database } = connections;
  const now = `(${database.dialect.now} + ${aheadMs * 1000})`;
  const value = { ...database, dialect: { ...database.dialect, now } };
  return Object.create(connections, { database: { value } }) as LibraryConnections;
}
