import {
  type AuditedOutbox,
  type LibraryConnections,
  type ScheduledId,
  AUDITED_OUTBOXES,
  findAccepted,
  findDoubledOutboxIds,
  judgeOutbox,
  listOutboxIds,
  listScheduledIds,
} from '../storage/index.js';
import { type Batch, type Check, BATCH, pages } from './check.js';
import { findAlike } from './doubled-ids.js';
import type { Finding } from './finding.js';

interface Sides {
  sender: LibraryConnections;
  broker: LibraryConnections;
}

/** What waits for its ACK is there once, as it was written, and has not been sent if it says so. */
export function outboxChecks(sides: Sides): (Check<number> | Check<Buffer>)[] {
  return [...AUDITED_OUTBOXES.map((table) => rowCheck(sides, table)), idCheck(sides.sender)];
}

function rowCheck({ sender, broker }: Sides, table: AuditedOutbox): Check<number> {
  const { database } = sender;
  const rowsOf = (seqs: readonly number[]) =>
    seqs.length > 0 ? sender.control((on) => judgeOutbox(database, on, { table, seqs })) : [];
  return {
    async *batches() {
      for await (const { keys } of idsIn(sender, table))
        yield { within: 0, keys: keys.map(({ seq }) => seq) };
    },
    judge: async ({ keys }) => {
      const rows = await rowsOf(keys);
      const unsent = rows.filter((row) => row.unsent);
      const accepted =
        unsent.length > 0
          ? await broker.control((on) =>
              findAccepted(
                broker.database,
                on,
                unsent.map(({ innerMsgId }) => innerMsgId),
              ),
            )
          : [];
      const suspects = unsent.filter(({ innerMsgId }) =>
        accepted.some((id) => id.innerMsgId.equals(innerMsgId)),
      );
      // Asked again, because it may have been sent between the two: it says so before a byte leaves.
      const again = await rowsOf(suspects.map(({ seq }) => seq));
      const unnoted = suspects.filter(({ seq, innerMsgId }) =>
        again.some((row) => row.seq === seq && row.unsent && row.innerMsgId.equals(innerMsgId)),
      );
      const about = ({ seq, bizId }: (typeof rows)[number]) => ({
        table: database.tableNames[table],
        key: { seq },
        bizId,
      });
      const found: Finding[] = [
        ...rows.filter(({ torn }) => torn).map((row) => ({ ...about(row), kind: 'outbox-torn' as const })),
        ...unnoted.map((row) => ({ ...about(row), kind: 'sent-unnoted' as const })),
      ];
      return found.map((finding) => ({ at: Number(finding.key.seq), finding }));
    },
  };
}

function idCheck(sender: LibraryConnections): Check<Buffer> {
  const { database } = sender;
  let bound = 0;
  const all = async function* () {
    for (const table of AUDITED_OUTBOXES) for await (const { keys } of idsIn(sender, table)) yield* keys;
    const scheduled = (after: ScheduledId = { dueAt: 0, innerMsgId: Buffer.alloc(0) }) =>
      sender.control((on) => listScheduledIds(database, on, { after, limit: BATCH }));
    for await (const { keys } of pages<ScheduledId>(0, scheduled)) yield* keys;
  };
  return {
    async *batches() {
      bound = 0;
      for await (const _ of all()) bound++;
      for (const group of await findAlike<{ innerMsgId: Buffer }>(bound, all)) {
        yield { within: 0, keys: [group[0]!.innerMsgId] };
      }
    },
    judge: async ({ keys }) => {
      const found = await sender.control((on) => findDoubledOutboxIds(database, on, keys));
      return found.map(({ innerMsgId, bizId, rows }) => ({
        at: innerMsgId,
        finding: {
          kind: 'outbox-doubled',
          table: database.tableNames.outbox,
          key: { inner_msg_id: innerMsgId },
          bizId,
          detail: `${rows} rows of all outbox tables`,
        },
      }));
    },
  };
}

function idsIn(
  sender: LibraryConnections,
  table: AuditedOutbox,
): AsyncGenerator<Batch<{ seq: number; innerMsgId: Buffer }>> {
  return pages<{ seq: number; innerMsgId: Buffer }>(0, (after) =>
    sender.control((on) =>
      listOutboxIds(sender.database, on, { table, after: after?.seq ?? 0, limit: BATCH }),
    ),
  );
}
