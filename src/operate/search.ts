import {
  type Connection,
  type LibraryConnections,
  type SearchedTable,
  type TablePart,
  findPart,
} from '../storage/index.js';

/** Read by one statement: some tens of milliseconds (docs/measurements.md). */
const PART_ROWS = 20_000;
/** Of one biz-id. Nobody reads more of them. */
export const MOST_MESSAGES = 100;

export interface Searched<Row> {
  /** The latest first. */
  found: Row[];
  /** Why it did not come to the end; undefined: it did. */
  ended: string | undefined;
}

/** Reads a table part by part, from its latest rows back, as long as there is time. @param until by `performance.now()` */
export async function search<Row>(
  connections: LibraryConnections,
  table: SearchedTable,
  until: number,
  find: (on: Connection, part: TablePart, limit: number) => Promise<Row[]>,
): Promise<Searched<Row>> {
  const { database } = connections;
  const found: Row[] = [];
  let before = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const part = await connections.control((on) =>
      findPart(database, on, { table, before, rows: PART_ROWS }),
    );
    if (part.looked === 0) return { found, ended: undefined };
    const { first } = part;
    const limit = MOST_MESSAGES - found.length;
    found.push(...(await connections.control((on) => find(on, { first, before }, limit))));
    if (found.length >= MOST_MESSAGES) {
      return { found, ended: `No more than the latest ${MOST_MESSAGES} of ${nameOf(table)} are told of.` };
    }
    if (part.looked < PART_ROWS) return { found, ended: undefined };
    if (performance.now() > until) {
      return {
        found,
        ended: `There was no time to look through all of ${nameOf(table)}: the oldest rows were not looked at.`,
      };
    }
    before = first;
  }
}

function nameOf(table: SearchedTable): string {
  return {
    message: 'the messages',
    outbox: 'the outbox',
    outbox_keyed: 'the outbox',
    quarantine: 'the quarantine',
  }[table];
}
