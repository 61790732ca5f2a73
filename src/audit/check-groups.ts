import {
  type LibraryConnections,
  findStraySubscriptionRows,
  findSubscriptionsWithout,
  findWrongLimitedLeases,
} from '../storage/index.js';
import { type Check, wholeTable } from './check.js';
import type { Finding } from './finding.js';

/** Subscriptions have their topic and their turn; what names one, or a limit, names one that is there. */
export function groupChecks(connections: LibraryConnections): Check<number>[] {
  return [
    wholeTable(() => subscriptions(connections)),
    wholeTable(() => strays(connections)),
    wholeTable(() => limitedLeases(connections)),
  ];
}

async function subscriptions(connections: LibraryConnections): Promise<Finding[]> {
  const { database } = connections;
  const found = await connections.control((on) => findSubscriptionsWithout(database, on));
  return found.flatMap(({ id, group, topicMissing, turnMissing }) => {
    const about = {
      table: database.tableNames.subscription,
      key: { id },
      detail: `group ${JSON.stringify(group.toString())}`,
    };
    const findings: Finding[] = [];
    if (topicMissing) findings.push({ ...about, kind: 'topic-missing' });
    if (turnMissing) findings.push({ ...about, kind: 'turn-missing' });
    return findings;
  });
}

async function strays(connections: LibraryConnections): Promise<Finding[]> {
  const { database } = connections;
  const findings: Finding[] = [];
  for (const table of ['keyed_turn', 'paused'] as const) {
    const ids = await connections.control((on) => findStraySubscriptionRows(database, on, table));
    for (const id of ids) {
      findings.push({
        kind: 'group-missing',
        table: database.tableNames[table],
        key: { subscription_id: id },
      });
    }
  }
  return findings;
}

async function limitedLeases(connections: LibraryConnections): Promise<Finding[]> {
  const { database } = connections;
  const found = await connections.control((on) => findWrongLimitedLeases(database, on));
  return found.flatMap(({ group, subscriptionId, seq, bizId, unlimited, otherGroup, otherLine }) => {
    const about = {
      table: database.tableNames.limited_lease,
      key: { group_name: group, subscription_id: subscriptionId, seq },
      bizId,
    };
    const findings: Finding[] = [];
    if (unlimited) findings.push({ ...about, kind: 'lease-uncounted' });
    if (otherGroup || otherLine) findings.push({ ...about, kind: 'wrong-limit' });
    return findings;
  });
}
