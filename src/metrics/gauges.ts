import type { Count, Status, SubscriptionStatus } from '../operate/index.js';
import type { LoopStatus } from '../waiting/index.js';
import type { Labels, MetricDefinition } from './definition.js';

/** What gauges are read from. */
export interface Seen {
  /** Undefined where it could not be read: then its gauges have no value, rather than an old one. */
  status: Status | undefined;
  loops: readonly LoopStatus[];
}

export interface Sample {
  value: number;
  labels: Labels;
}

/** A metric that is read when somebody asks for it. */
export interface Gauge extends MetricDefinition {
  /** What becomes of values that have the same labels: two groups beyond the limit are both `other`. */
  readonly together: 'sum' | 'max';
  read(seen: Seen): Sample[];
}

type Read<T> = (from: T) => number | undefined;

/** Nothing waits, or nobody knows for how long: a broker that is a service doesn't say. */
const ageOf = ({ value }: Count, ms: number | undefined) => (value === 0 ? 0 : ms && ms / 1000);
const inSeconds = { unit: 's', together: 'max' } as const;

/** One value for each group of each topic. */
function ofGroups(
  name: string,
  description: string,
  { unit, together }: Pick<Gauge, 'unit' | 'together'>,
  read: Read<SubscriptionStatus>,
): Gauge {
  return {
    ...{ name: `idempotent_mq.${name}`, description, unit, together, labels: ['topic', 'group'] },
    read: ({ status }) =>
      (status?.groups ?? []).flatMap((each) => sample(read(each), { topic: each.topic, group: each.group })),
  };
}

function ofTopics(
  name: string,
  description: string,
  { unit, together }: Pick<Gauge, 'unit' | 'together'>,
  read: Read<Status['topics'][number]>,
): Gauge {
  return {
    ...{ name: `idempotent_mq.${name}`, description, unit, together, labels: ['topic'] },
    read: ({ status }) => (status?.topics ?? []).flatMap((each) => sample(read(each), { topic: each.topic })),
  };
}

function ofScenarios(
  name: string,
  description: string,
  { unit, together }: Pick<Gauge, 'unit' | 'together'>,
  read: (scenario: Status['scenarios'][number], status: Status) => number | undefined,
): Gauge {
  return {
    ...{ name: `idempotent_mq.${name}`, description, unit, together, labels: ['scenario'] },
    read: ({ status }) =>
      (status?.scenarios ?? []).flatMap((each) => sample(read(each, status!), { scenario: each.scenario })),
  };
}

/** One value, or none. */
function ofAll(
  name: string,
  description: string,
  { unit, together }: Pick<Gauge, 'unit' | 'together'>,
  read: Read<Status>,
): Gauge {
  return {
    ...{ name: `idempotent_mq.${name}`, description, unit, together, labels: [] },
    read: ({ status }) => (status ? sample(read(status), {}) : []),
  };
}

/** In seconds, of what goes round in this process. */
function ofLoops(name: string, description: string, read: (loop: LoopStatus) => number): Gauge {
  return {
    ...{ name: `idempotent_mq.${name}`, description, ...inSeconds, labels: ['loop', 'topic', 'group'] },
    read: ({ loops }) =>
      loops.map((loop) => {
        const { kind, topic = '', group = '' } = loop;
        return { value: read(loop) / 1000, labels: { loop: kind, topic, group } };
      }),
  };
}

function sample(value: number | undefined, labels: Labels): Sample[] {
  return value === undefined ? [] : [{ value, labels }];
}

const deliveries = { unit: '{delivery}', together: 'sum' } as const;
const messages = { unit: '{message}', together: 'sum' } as const;

/** Every gauge. Counts stop at 100,000 rows, so that a long table is no burden to its database. */
export const GAUGES: readonly Gauge[] = [
  ofGroups('backlog', 'Deliveries that a worker could be given now.', deliveries, ({ ready }) => ready.value),
  ofGroups(
    'backlog_age',
    'How long the oldest of them has been waiting.',
    inSeconds,
    ({ ready, oldestReadyMs }) => ageOf(ready, oldestReadyMs),
  ),
  ofGroups('in_flight', 'Deliveries that are handed out.', deliveries, ({ inFlight }) => inFlight.value),
  ofGroups(
    'waiting',
    'Deliveries set aside until a time: a delay, or the backoff after a failure.',
    deliveries,
    ({ waiting }) => waiting.value,
  ),
  ofGroups('dead_letters', 'Dead letters.', deliveries, ({ deadLetters }) => deadLetters.value),
  ofGroups('paused', 'Whether the group is paused.', { unit: '{boolean}', together: 'max' }, ({ paused }) =>
    Number(paused),
  ),
  ofTopics(
    'parked_messages',
    'Messages that no group has taken yet.',
    messages,
    ({ parked }) => parked.value,
  ),
  ofTopics(
    'parked_age',
    'How long the oldest of them has been waiting.',
    inSeconds,
    ({ parked, oldestParkedMs }) => ageOf(parked, oldestParkedMs),
  ),
  ofAll(
    'unrouted_dead_letters',
    'Dead letters of messages that no group ever took.',
    messages,
    ({ unrouted }) => unrouted?.value,
  ),
  ofAll(
    'quarantine',
    'Messages in quarantine, about which nobody has decided.',
    messages,
    ({ quarantine }) => quarantine?.waiting.value,
  ),
  ofAll(
    'outbox',
    'Messages that wait in the outbox for the ACK of a broker apart, without those whose time has not come.',
    messages,
    ({ outbox }) => outbox.waiting.value,
  ),
  ofAll('outbox_age', 'How old the oldest of them is.', inSeconds, ({ outbox }) =>
    ageOf(outbox.waiting, outbox.oldestMs),
  ),
  ofScenarios(
    'dedup_rows',
    'Biz-ids that are remembered, an estimate in large tables.',
    { unit: '{row}', together: 'sum' },
    ({ rows }) => rows.value,
  ),
  ofScenarios(
    'watermark_age',
    'How far behind the watermark is by which dedup rows were last forgotten.',
    inSeconds,
    ({ mark }, { at }) => mark && Math.max(0, (at.getTime() - mark.getTime()) / 1000),
  ),
  ofAll(
    'broker_up',
    'Whether the broker answered when it was asked.',
    { unit: '{boolean}', together: 'max' },
    ({ broker }) => Number(broker.reachable),
  ),
  {
    name: 'idempotent_mq.status_up',
    description:
      'Whether the database could be read for these gauges, in time. The others have no value where not.',
    ...{ unit: '{boolean}', together: 'max', labels: [] },
    read: ({ status }) => [{ value: Number(status !== undefined), labels: {} }],
  },
  ofLoops(
    'loop_age',
    'Since a loop of this process went round: the relay, or the worker of a group.',
    ({ sinceTurnMs }) => sinceTurnMs,
  ),
  ofLoops(
    'loop_failing',
    'For how long each round of it has ended with an error; 0 where the last one has not.',
    ({ failingMs }) => failingMs,
  ),
];
