import {
  type Holder,
  type JudgedDedup,
  type LibraryConnections,
  findHolders,
  findNextScenario,
  findOrigin,
  judgeDedup,
  listDedupAfter,
} from '../storage/index.js';
import { type Check, BATCH, pages } from './check.js';
import type { Finding } from './finding.js';

interface Sides {
  receiver: LibraryConnections;
  broker: LibraryConnections;
}

/** Each dedup row has a scenario and a source, and its transaction came to its own end. */
export function dedupCheck({ receiver, broker }: Sides): Check<Buffer> {
  const { database } = receiver;
  return {
    async *batches() {
      let scenarioId: number | undefined = 0;
      const next = (after: number) => receiver.control((on) => findNextScenario(database, on, after));
      while ((scenarioId = await next(scenarioId)) !== undefined) yield* dedupOf(receiver, scenarioId);
    },
    judge: async ({ within, keys }) => {
      const scenarioId = Number(within);
      const rows = await receiver.control((on) => judgeDedup(database, on, { scenarioId, bizIds: keys }));
      const held = await heldIn(broker, rows);
      return rows.flatMap((row) => {
        const about = {
          table: database.tableNames.dedup,
          key: { scenario_id: scenarioId, biz_id: row.bizId },
          bizId: row.bizId,
        };
        return findingsOf(row, held(row)).map((found) => ({
          at: row.bizId,
          finding: { ...about, ...found },
        }));
      });
    },
  };
}

export function dedupOf(receiver: LibraryConnections, scenarioId: number) {
  return pages<Buffer>(scenarioId, (after = Buffer.alloc(0)) =>
    receiver.control((on) => listDedupAfter(receiver.database, on, { scenarioId, after, limit: BATCH })),
  );
}

function findingsOf(row: JudgedDedup, held: Holder | undefined): Pick<Finding, 'kind' | 'detail'>[] {
  const found: Pick<Finding, 'kind' | 'detail'>[] = [];
  if (row.scenarioMissing) found.push({ kind: 'scenario-missing' });
  if (row.sourceWrong) found.push({ kind: 'source-missing', detail: `source_id ${row.sourceId}` });
  if (row.halfNamed) found.push({ kind: 'half-named' });
  const torn = tornBy(row, held);
  if (torn !== undefined) found.push({ kind: 'dedup-torn', detail: torn });
  return found;
}

/**
 * A proper commit would have taken the delivery along, or would have marked the row where the ACK comes after it. As long as
 * a worker has the delivery, it may still be at it: it committed by itself, and will come to its end.
 */
function tornBy(row: JudgedDedup, held: Holder | undefined): string | undefined {
  if (held?.leased) return undefined;
  if (row.unfinished) return 'unfinished';
  if (!row.withoutResult) return undefined;
  if (row.seq === 0 && row.sourceId === 0) return 'of IdempotentExecutor, without a result';
  return held && `its own delivery is still there, in ${held.table}`;
}

/**
 * Where the deliveries are that those rows are of which are not marked as done. After the rows: a delivery that was there
 * when they were read may be gone by now, and never the other way round.
 */
async function heldIn(
  broker: LibraryConnections,
  rows: readonly JudgedDedup[],
): Promise<(row: JudgedDedup) => Holder | undefined> {
  const open = rows.filter(({ unfinished, withoutResult }) => unfinished || withoutResult);
  const origin = open.length > 0 ? await broker.control((on) => findOrigin(broker.database, on)) : undefined;
  const bySubscription = new Map<number, number[]>();
  for (const row of open) {
    if (!isOf(row, origin)) continue;
    const seqs = bySubscription.get(row.subscriptionId) ?? [];
    seqs.push(row.seq);
    bySubscription.set(row.subscriptionId, seqs);
  }
  const holders = new Map<string, Holder>();
  for (const [subscriptionId, seqs] of bySubscription) {
    const found = await broker.control((on) => findHolders(broker.database, on, { subscriptionId, seqs }));
    for (const holder of found) holders.set(`${subscriptionId} ${holder.seq}`, holder);
  }
  return (row) => (isOf(row, origin) ? holders.get(`${row.subscriptionId} ${row.seq}`) : undefined);
}

/** Another broker has deliveries of the same numbers. */
function isOf(row: JudgedDedup, origin: Buffer | undefined): row is JudgedDedup & { subscriptionId: number } {
  return row.subscriptionId !== undefined && origin !== undefined && (row.broker?.equals(origin) ?? false);
}
