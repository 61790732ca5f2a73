import {
  type LibraryConnections,
  type MessageId,
  boundMessages,
  findDoubledIds,
  findMessagesWithoutTopic,
  findNextParkedTopic,
  findUnneeded,
  judgeParked,
  listInnerMsgIds,
  listParkedAfter,
  messagesAfter,
  readBizIds,
} from '../storage/index.js';
import { type Check, BATCH, pages } from './check.js';
import { findAlike } from './doubled-ids.js';
import type { Finding } from './finding.js';

/** Each message is held by something, of a topic that there is, and there once. */
export function messageChecks(
  connections: LibraryConnections,
  patienceMs: () => number,
): (Check<number> | Check<MessageId>)[] {
  return [orphanCheck(connections, patienceMs), topicCheck(connections), idCheck(connections)];
}

/** A message that was just finished is dropped in a moment; that of a process that died, by a sweeper. */
function orphanCheck(connections: LibraryConnections, patienceMs: () => number): Check<number> {
  const { database } = connections;
  return {
    patienceMs,
    batches: () => allMessages(connections),
    judge: async ({ keys }) => {
      const seqs = await connections.control((on) => findUnneeded(database, on, keys));
      if (seqs.length === 0) return [];
      const bizIds = await connections.control((on) => readBizIds(database, on, seqs));
      return seqs.map((seq) => ({
        at: seq,
        finding: { ...messageOf(connections, seq), bizId: bizIds.get(seq), kind: 'message-orphaned' },
      }));
    },
  };
}

function topicCheck(connections: LibraryConnections): Check<number> {
  const { database } = connections;
  return {
    batches: () => allMessages(connections),
    judge: async ({ keys }) => {
      const found = await connections.control((on) => findMessagesWithoutTopic(database, on, keys));
      return found.map(({ seq, bizId, topicId }) => ({
        at: seq,
        finding: {
          ...messageOf(connections, seq),
          bizId,
          kind: 'topic-missing',
          detail: `topic_id ${topicId}`,
        },
      }));
    },
  };
}

function idCheck(connections: LibraryConnections): Check<MessageId> {
  const { database } = connections;
  const all = async function* () {
    const next = (after?: MessageId) =>
      connections.control((on) => listInnerMsgIds(database, on, { after: after?.seq ?? 0, limit: BATCH }));
    for await (const { keys } of pages<MessageId>(0, next)) yield* keys;
  };
  return {
    async *batches() {
      const bound = await connections.control((on) => boundMessages(database, on));
      for (const group of await findAlike(bound, all)) {
        yield { within: group[0]!.innerMsgId.toString('hex'), keys: group };
      }
    },
    judge: async ({ keys }) => {
      const seqs = keys.map(({ seq }) => seq);
      const found = await connections.control((on) => findDoubledIds(database, on, seqs));
      return found.map(({ seq, innerMsgId, bizId }) => ({
        at: { seq, innerMsgId },
        finding: {
          ...messageOf(connections, seq),
          bizId,
          kind: 'inner-msg-id-doubled',
          detail: `inner-msg-id ${innerMsgId.toString('hex')}`,
        },
      }));
    },
  };
}

/** What is parked has its message, and no group that should have been given it. */
export function parkedCheck(connections: LibraryConnections): Check<number> {
  const { database } = connections;
  return {
    async *batches() {
      let topicId: number | undefined = 0;
      const next = (after: number) => connections.control((on) => findNextParkedTopic(database, on, after));
      while ((topicId = await next(topicId)) !== undefined) {
        const id = topicId;
        yield* pages<number>(id, (after = 0) =>
          connections.control((on) => listParkedAfter(database, on, { topicId: id, after, limit: BATCH })),
        );
      }
    },
    judge: async ({ within, keys }) => {
      const topicId = Number(within);
      const judged = await connections.control((on) => judgeParked(database, on, { topicId, seqs: keys }));
      return judged.flatMap(({ seq, bizId, ...is }) => {
        const kinds: Finding['kind'][] = [];
        if (is.messageMissing) kinds.push('message-missing');
        if (is.topicMissing) kinds.push('topic-missing');
        if (is.otherTopic) kinds.push('wrong-topic');
        if (is.passedOver) kinds.push('group-passed-over');
        const about = { table: database.tableNames.parked, key: { topic_id: topicId, seq }, bizId };
        return kinds.map((kind) => ({ at: seq, finding: { ...about, kind } }));
      });
    },
  };
}

/**
 * A sweeper comes twice a minute, and takes this long for each batch of its walk over all messages. Milliseconds; twice
 * over.
 */
const SWEEPS_MS = 60_000;
const BATCH_OF_SWEEP_MS = 100;
const ROWS_OF_SWEEP = 500;

/** How long a sweeper may take to come past a message, in milliseconds. */
export async function sweepPatienceMs(connections: LibraryConnections): Promise<number> {
  const messages = await connections.control((on) => boundMessages(connections.database, on));
  return SWEEPS_MS + Math.ceil(messages / ROWS_OF_SWEEP) * BATCH_OF_SWEEP_MS;
}

function allMessages(connections: LibraryConnections) {
  return pages<number>(0, (after = 0) =>
    connections.control((on) => messagesAfter(connections.database, on, { after, limit: BATCH })),
  );
}

function messageOf({ database }: LibraryConnections, seq: number) {
  return { table: database.tableNames.message, key: { seq } };
}
