import {
  type DeliveryKey,
  type DeliveryTable,
  type JudgedDelivery,
  type LibraryConnections,
  DELIVERY_TABLES,
  findDeliveriesOfNobody,
  findNextSubscription,
  findRemovedSubscriptions,
  judgeDeliveries,
  judgeUnrouted,
  listDeliveriesAfter,
  listKeyedBehindKey,
  listKeyedOfKey,
  listSubscriptions,
} from '../storage/index.js';
import { type Batch, type Check, BATCH, pages } from './check.js';
import type { Finding } from './finding.js';

/** Dead letters of this one belong to no group. */
const NO_GROUP = 0;

/** What each group still has to do: in one table, with its message, in the line that its message says. */
export function deliveryChecks(connections: LibraryConnections): Check<DeliveryKey>[] {
  return DELIVERY_TABLES.map((table) => ({
    async *batches() {
      for await (const id of subscriptionsIn(connections, table)) yield* batchesOf(connections, table, id);
    },
    judge: ({ within, keys }) =>
      table === 'dead_letter' && within === NO_GROUP
        ? judgeOfNoGroup(connections, keys)
        : judge(connections, table, { within, keys }),
  }));
}

/** What a removed group has left behind: swept sooner or later. */
export function leftoverChecks(
  connections: LibraryConnections,
  patienceMs: () => number,
): Check<DeliveryKey>[] {
  const { database } = connections;
  return DELIVERY_TABLES.map((table) => ({
    patienceMs,
    async *batches() {
      for await (const id of subscriptionsIn(connections, table)) {
        if (isOfNoGroup(table, id)) continue;
        const current = new Set(await connections.control((on) => listSubscriptions(database, on)));
        const removed = await connections.control((on) => findRemovedSubscriptions(database, on));
        if (!current.has(id) || removed.includes(id)) yield* batchesOf(connections, table, id);
      }
    },
    judge: async ({ within, keys }) => {
      const subscriptionId = Number(within);
      const found = await connections.control((on) =>
        findDeliveriesOfNobody(database, on, { table, subscriptionId, those: keys }),
      );
      return found.map(({ seq, bizId }) => ({
        at: keyOf(keys, seq),
        finding: { ...rowOf(connections, table, subscriptionId, seq), bizId, kind: 'group-missing' },
      }));
    },
  }));
}

async function* subscriptionsIn(connections: LibraryConnections, table: DeliveryTable) {
  const { database } = connections;
  const next = (after: number) =>
    connections.control((on) => findNextSubscription(database, on, { table, after }));
  let id: number | undefined = NO_GROUP;
  do yield id;
  while ((id = await next(id)) !== undefined);
}

function batchesOf(
  connections: LibraryConnections,
  table: DeliveryTable,
  subscriptionId: number,
): AsyncGenerator<Batch<DeliveryKey>> {
  const { database } = connections;
  return pages<DeliveryKey>(subscriptionId, async (after) => {
    if (table !== 'delivery_keyed') {
      const behind = { table, subscriptionId, after: after?.seq ?? 0, limit: BATCH };
      return connections.control((on) => listDeliveriesAfter(database, on, behind));
    }
    const orderingKey = after?.orderingKey ?? Buffer.alloc(0);
    const ofKey = after
      ? await connections.control((on) =>
          listKeyedOfKey(database, on, {
            subscriptionId,
            after: { orderingKey, seq: after.seq },
            limit: BATCH,
          }),
        )
      : [];
    if (ofKey.length === BATCH) return ofKey;
    const limit = BATCH - ofKey.length;
    const behind = await connections.control((on) =>
      listKeyedBehindKey(database, on, { subscriptionId, orderingKey, limit }),
    );
    return [...ofKey, ...behind];
  });
}

async function judge(
  connections: LibraryConnections,
  table: DeliveryTable,
  { within, keys }: Batch<DeliveryKey>,
) {
  const subscriptionId = Number(within);
  const judged = await connections.control((on) =>
    judgeDeliveries(connections.database, on, { table, subscriptionId, those: keys }),
  );
  return judged.flatMap((row) => {
    const about = { ...rowOf(connections, table, subscriptionId, row.seq), bizId: row.bizId };
    return findingsOf(connections, row).map((found) => ({
      at: keyOf(keys, row.seq),
      finding: { ...about, ...found },
    }));
  });
}

function findingsOf(
  { database }: LibraryConnections,
  row: JudgedDelivery,
): Pick<Finding, 'kind' | 'detail'>[] {
  const found: Pick<Finding, 'kind' | 'detail'>[] = [];
  if (row.messageMissing) found.push({ kind: 'message-missing' });
  if (row.otherTopic) found.push({ kind: 'wrong-topic' });
  if (row.otherLine) found.push({ kind: 'wrong-line' });
  if (row.alsoIn.length > 0) {
    const others = row.alsoIn.map((other) => database.tableNames[other]).join(', ');
    found.push({ kind: 'delivery-doubled', detail: `also in ${others}` });
  }
  if (row.underWayTwice) found.push({ kind: 'key-doubled' });
  if (row.claimOfAnother) found.push({ kind: 'wrong-claim' });
  return found;
}

async function judgeOfNoGroup(connections: LibraryConnections, keys: readonly DeliveryKey[]) {
  const judged = await connections.control((on) =>
    judgeUnrouted(
      connections.database,
      on,
      keys.map(({ seq }) => seq),
    ),
  );
  return judged.flatMap(({ seq, bizId, messageMissing, taken }) => {
    const about = { ...rowOf(connections, 'dead_letter', NO_GROUP, seq), bizId };
    const findings: Finding[] = [];
    if (messageMissing) findings.push({ ...about, kind: 'message-missing' });
    if (taken) {
      findings.push({ ...about, kind: 'delivery-doubled', detail: 'of no group, and parked or a group’s' });
    }
    return findings.map((finding) => ({ at: keyOf(keys, seq), finding }));
  });
}

function isOfNoGroup(table: DeliveryTable, subscriptionId: number): boolean {
  return table === 'dead_letter' && subscriptionId === NO_GROUP;
}

function rowOf({ database }: LibraryConnections, table: DeliveryTable, subscription: number, seq: number) {
  return { table: database.tableNames[table], key: { subscription_id: subscription, seq } };
}

function keyOf(keys: readonly DeliveryKey[], seq: number): DeliveryKey {
  return keys.find((key) => key.seq === seq) ?? { seq };
}
