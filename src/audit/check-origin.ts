import { type LibraryConnections, findOrigin } from '../storage/index.js';
import { type Check, wholeTable } from './check.js';

/** The name by which a database is known. Without it nothing tells a dedup row of this broker's messages from another's. */
export function originCheck(connections: LibraryConnections): Check<number> {
  const { database } = connections;
  return wholeTable(async () => {
    const origin = await connections.control((on) => findOrigin(database, on));
    if (origin) return [];
    return [{ kind: 'origin-missing', table: database.tableNames.outbox_origin, key: { id: 1 } }];
  });
}
