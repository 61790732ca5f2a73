import {
  type CurrentSource,
  type LibraryConnections,
  OF_SCENARIO,
  describeSubscriptions,
  findKeptWithoutMark,
  findMissingScenarios,
  findOrigin,
  judgeSources,
} from '../storage/index.js';
import { type Check, wholeTable } from './check.js';
import type { Finding } from './finding.js';

interface Sides {
  receiver: LibraryConnections;
  broker: LibraryConnections;
}

/** What names a scenario names one that is there; each source is there once, with its mark and its subscription. */
export function scenarioChecks({ receiver, broker }: Sides): Check<number>[] {
  return [
    wholeTable(() => missingScenarios(receiver)),
    wholeTable(() => keptWithoutMark(receiver)),
    wholeTable(() => sources(receiver, broker)),
  ];
}

async function missingScenarios(receiver: LibraryConnections): Promise<Finding[]> {
  const { database } = receiver;
  const findings: Finding[] = [];
  for (const table of OF_SCENARIO) {
    const found = await receiver.control((on) => findMissingScenarios(database, on, table));
    for (const { scenarioId, rows } of found) {
      findings.push({
        kind: 'scenario-missing',
        table: database.tableNames[table],
        key: { scenario_id: scenarioId },
        detail: `${rows} rows`,
      });
    }
  }
  return findings;
}

async function keptWithoutMark(receiver: LibraryConnections): Promise<Finding[]> {
  const { database } = receiver;
  const found = await receiver.control((on) => findKeptWithoutMark(database, on));
  return found.map(({ scenarioId, name }) => ({
    kind: 'mark-missing',
    table: database.tableNames.scenario,
    key: { id: scenarioId },
    detail: `${name.toString()}: biz-ids are kept by name`,
  }));
}

async function sources(receiver: LibraryConnections, broker: LibraryConnections): Promise<Finding[]> {
  const { database } = receiver;
  const origin = await broker.control((on) => findOrigin(broker.database, on));
  const all = await receiver.control((on) => judgeSources(database, on));
  const findings: Finding[] = [];
  for (const source of all) {
    const about = {
      table: database.tableNames.scenario_source,
      key: { id: source.id },
      detail: `group ${JSON.stringify(source.group.toString())} of ${JSON.stringify(source.topic.toString())}`,
    };
    if (source.doubled) findings.push({ ...about, kind: 'source-doubled' });
    if (source.halfMarked) findings.push({ ...about, kind: 'mark-missing' });
    const isOurs = origin !== undefined && source.broker.equals(origin);
    if (isOurs && (await isOfAnother(broker, source))) findings.push({ ...about, kind: 'source-missing' });
  }
  return findings;
}

/** A group that came back has another number, and registers in a moment: so one that is not there is none of ours to judge. */
async function isOfAnother(
  broker: LibraryConnections,
  { subscriptionId, topic, group }: CurrentSource,
): Promise<boolean> {
  const [found] = await broker.control((on) => describeSubscriptions(broker.database, on, [subscriptionId]));
  return found !== undefined && (found.topic !== topic.toString() || found.group !== group.toString());
}
