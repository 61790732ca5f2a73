import { describeError, isLibraryError } from '../errors/index.js';
import { timeOf } from '../publisher/index.js';
import {
  type Connection,
  type Database,
  type GroupRow,
  type LibraryConnections,
  estimateDedup,
  findOldestReady,
  listGroups,
  listScenarios,
  listTopicsWithGroups,
  readClock,
  schemaVersion,
  tallyDedup,
  tallyOutbox,
  tallyParked,
  tallyQuarantine,
  tallySubscription,
  tallyUnrouted,
} from '../storage/index.js';
import { isAboutTheBroker } from './about-the-broker.js';
import { COUNTED_ROWS, countOf, exactly, sumOf } from './count.js';
import type { OperationsDeps } from './operations-deps.js';
import type { OutboxStatus, ScenarioStatus, Status, SubscriptionStatus, TopicParked } from './status.js';

/** One more than are counted tells whether there are more. */
const UP_TO = { rows: COUNTED_ROWS + 1 };

export async function readStatus(deps: OperationsDeps): Promise<Status> {
  const { connections, name, broker } = deps;
  const own = await readOwn(connections);
  const common = { database: name, ...own, process: deps.process?.() };
  const { kind, name: brokerName } = broker;
  try {
    const ofBroker = broker.connections
      ? await readBroker(broker.connections)
      : await askBroker(broker.operated, brokerName);
    return { ...common, broker: { kind, name: brokerName, reachable: true }, ...ofBroker };
  } catch (error) {
    if (!isAboutTheBroker(error)) throw error;
    const nothing = { at: new Date(), groups: [], topics: [], unrouted: undefined, quarantine: undefined };
    return {
      ...common,
      // Who refuses has answered: an app's token need not be one that may look.
      broker: { kind, name: brokerName, reachable: isLibraryError(error, 'BROKER_REFUSED') },
      ...nothing,
      notes: [describeError(error)],
    };
  }
}

type OfBroker = Pick<Status, 'at' | 'groups' | 'topics' | 'unrouted' | 'quarantine' | 'notes'>;

function readBroker(connections: LibraryConnections): Promise<OfBroker> {
  const { database } = connections;
  return connections.control(async (on) => {
    const now = await readClock(database, on);
    const ageOf = (at: number | undefined) => ageMs(now, at);
    const groups: SubscriptionStatus[] = [];
    for (const row of await listGroups(database, on)) groups.push(await readGroup(database, on, row, now));
    const topics: TopicParked[] = [];
    for (const { id, topic, groups: count } of await listTopicsWithGroups(database, on)) {
      const parked = await tallyParked(database, on, { topicId: id, ...UP_TO });
      const { looked, waiting, oldest } = parked;
      topics.push({ topic, groups: count, parked: countOf(waiting, looked), oldestParkedMs: ageOf(oldest) });
    }
    const unrouted = await tallyUnrouted(database, on, UP_TO);
    const quarantine = await tallyQuarantine(database, on, UP_TO);
    return {
      at: new Date(now / 1000),
      groups,
      topics,
      unrouted: countOf(unrouted.waiting, unrouted.looked),
      quarantine: {
        waiting: countOf(quarantine.waiting, quarantine.looked),
        oldestMs: ageOf(quarantine.oldest),
      },
      notes: [],
    };
  });
}

async function readGroup(
  database: Database,
  on: Connection,
  { subscriptionId, ...group }: GroupRow,
  now: number,
): Promise<SubscriptionStatus> {
  const of = { subscriptionId, ...UP_TO };
  const { delivery, keyed, waiting, deadLetters } = await tallySubscription(database, on, of);
  const { looked: plain } = delivery;
  const { looked: lined } = keyed;
  const isReady = plain + lined > 0;
  const oldest = isReady ? await findOldestReady(database, on, of) : undefined;
  return {
    ...group,
    ready: sumOf(
      countOf(plain - delivery.inFlight - delivery.aside, plain),
      countOf(lined - keyed.inFlight - keyed.aside, lined),
    ),
    oldestReadyMs: ageMs(now, oldest),
    inFlight: sumOf(countOf(delivery.inFlight, plain), countOf(keyed.inFlight, lined)),
    waiting: sumOf(
      countOf(waiting.looked),
      sumOf(countOf(delivery.aside, plain), countOf(keyed.aside, lined)),
    ),
    retrying: sumOf(
      countOf(waiting.retrying, waiting.looked),
      sumOf(countOf(delivery.retrying, plain), countOf(keyed.retrying, lined)),
    ),
    keyedLines: countOf(keyed.lines, lined),
    deadLetters: countOf(deadLetters.looked),
    oldestDeadLetterMs: ageMs(now, deadLetters.oldest),
  };
}

/** What a service lets an operator ask. It counts exactly, and says less. */
async function askBroker(operated: OperationsDeps['broker']['operated'], name: string): Promise<OfBroker> {
  const groups = await operated.groups.list();
  const topics = await operated.topics();
  const [quarantined] = await operated.quarantine.list({ limit: 1 });
  const at = new Date();
  return {
    at,
    groups: groups.map(({ ready, inFlight, waiting, deadLetters, ...group }) => ({
      ...group,
      ready: exactly(ready),
      oldestReadyMs: undefined,
      inFlight: exactly(inFlight),
      waiting: exactly(waiting),
      retrying: undefined,
      keyedLines: undefined,
      deadLetters: exactly(deadLetters),
      oldestDeadLetterMs: undefined,
    })),
    topics: topics.map(({ parked, ...topic }) => ({
      ...topic,
      parked: exactly(parked),
      oldestParkedMs: undefined,
    })),
    unrouted: undefined,
    quarantine: {
      waiting: quarantined ? { value: 1, precision: 'at-least' } : exactly(0),
      oldestMs: undefined,
    },
    notes: [
      `The broker is a service (${name}), which says no ages: for those, ask where its database can be reached.`,
    ],
  };
}

function readOwn(
  connections: LibraryConnections,
): Promise<Pick<Status, 'schemaVersion' | 'outbox' | 'scenarios'>> {
  const { database } = connections;
  return connections.control(async (on) => {
    const now = await readClock(database, on);
    return {
      schemaVersion: await schemaVersion(database, on),
      outbox: await readOutbox(database, on, now),
      scenarios: await readScenarios(database, on, now),
    };
  });
}

async function readOutbox(database: Database, on: Connection, now: number): Promise<OutboxStatus> {
  const { looked, sent, scheduled, oldestIds } = await tallyOutbox(database, on, UP_TO);
  const oldest = oldestIds.length > 0 ? Math.min(...oldestIds.map(timeOf)) * 1000 : undefined;
  return {
    waiting: countOf(looked),
    oldestMs: ageMs(now, oldest),
    sent: countOf(sent, looked),
    scheduled: countOf(scheduled),
  };
}

async function readScenarios(database: Database, on: Connection, now: number): Promise<ScenarioStatus[]> {
  const scenarios: ScenarioStatus[] = [];
  for (const { id, name, kind, mark, retentionMs } of await listScenarios(database, on)) {
    const { looked, oldest } = await tallyDedup(database, on, { scenarioId: id, ...UP_TO });
    const estimate = looked > COUNTED_ROWS ? await estimateDedup(database, on, id) : undefined;
    const isHigher = estimate !== undefined && estimate > COUNTED_ROWS;
    scenarios.push({
      scenario: name,
      kind,
      rows: isHigher ? { value: estimate, precision: 'estimated' } : countOf(looked),
      oldestMs: ageMs(now, oldest),
      retentionMs,
      mark: mark === undefined ? undefined : new Date(mark / 1000),
    });
  }
  return scenarios;
}

/** Clocks of several machines differ by a little: nothing is younger than new. */
function ageMs(now: number, at: number | undefined): number | undefined {
  return at === undefined ? undefined : Math.max(0, Math.round((now - at) / 1000));
}
