import { type LibraryConnections, judgeCopies, listCopiesAfter } from '../storage/index.js';
import { type Check, BATCH, pages } from './check.js';
import type { Finding } from './finding.js';

/** Each copy is held for a reason that still holds: what the broker has accepted, and how far it has forgotten. */
export function quarantineCheck(connections: LibraryConnections): Check<number> {
  const { database } = connections;
  return {
    batches: () =>
      pages<number>(0, (after = 0) =>
        connections.control((on) => listCopiesAfter(database, on, { after, limit: BATCH })),
      ),
    judge: async ({ keys }) => {
      const judged = await connections.control((on) => judgeCopies(database, on, keys));
      return judged.flatMap(({ id, bizId, innerMsgId, ...is }) => {
        const found: Pick<Finding, 'kind' | 'detail'>[] = [];
        if (is.acceptedMissing) {
          found.push({ kind: 'accepted-id-missing', detail: `inner-msg-id ${innerMsgId.toString('hex')}` });
        }
        if (is.sameBody) found.push({ kind: 'wrong-quarantine', detail: 'its body is the accepted one' });
        if (is.notForgotten) found.push({ kind: 'wrong-quarantine', detail: 'its id is not forgotten' });
        if (is.halfDecided) found.push({ kind: 'wrong-quarantine', detail: 'decided about by half' });
        const about = { table: database.tableNames.quarantine, key: { id }, bizId };
        return found.map((one) => ({ at: id, finding: { ...about, ...one } }));
      });
    },
  };
}
