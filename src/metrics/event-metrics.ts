import type { IdempotentMqEvent, IdempotentMqEventOf, IdempotentMqEventType } from '../events/index.js';
import type { Labels, MetricDefinition } from './definition.js';

/** A metric that events make: a counter, or a histogram of what they measure. */
export interface EventMetric extends MetricDefinition {
  readonly kind: 'counter' | 'histogram';
  readonly events: readonly IdempotentMqEventType[];
  /** Upper limits of a histogram's buckets. */
  readonly buckets?: readonly number[];
  /** By how much it counts, or what is measured; undefined: nothing. */
  measure(event: IdempotentMqEvent): { value: number; labels: Labels } | undefined;
}

type LabelsOf<E> = Readonly<Record<string, (event: E) => string>>;

interface Counting<E> {
  description: string;
  unit: string;
  labels?: LabelsOf<E>;
  /** @default 1 */
  by?: (event: E) => number;
}

function counter<T extends IdempotentMqEventType>(
  name: string,
  event: T,
  { description, unit, labels = {}, by = () => 1 }: Counting<IdempotentMqEventOf<T>>,
): EventMetric {
  type Counted = IdempotentMqEventOf<T>;
  return {
    kind: 'counter',
    name: `idempotent_mq.${name}`,
    description,
    unit,
    labels: Object.keys(labels),
    events: [event],
    measure: (came) => ({ value: by(came as Counted), labels: labelsOf(came as Counted, labels) }),
  };
}

function labelsOf<E>(event: E, labels: LabelsOf<E>): Labels {
  return Object.fromEntries(Object.entries(labels).map(([label, of]) => [label, of(event)]));
}

const topic = { topic: (event: { topic: string }) => event.topic };
const ofGroup = { ...topic, group: (event: { group: string }) => event.group };
const reason = { reason: (event: { reason: string }) => event.reason };
const count = ({ count }: { count: number }) => count;

const MESSAGES = '{message}';
const DELIVERIES = '{delivery}';

/** Of deliveries of a group: what comes of them, in the order of their way. */
const OF_DELIVERIES = [
  counter('delivered', 'delivered', {
    description:
      'Handlers that were about to be called; redelivered where the delivery had been tried before.',
    unit: DELIVERIES,
    labels: { ...ofGroup, redelivered: ({ redelivered }) => String(redelivered) },
  }),
  counter('acknowledged', 'acknowledged', {
    description: 'Deliveries whose effect, dedup row and ACK are durable.',
    unit: DELIVERIES,
    labels: ofGroup,
  }),
  counter('duplicates_absorbed', 'duplicate-absorbed', {
    description:
      'Deliveries whose biz-id had taken effect before (the lower half): acknowledged without the handler.',
    unit: DELIVERIES,
    labels: ofGroup,
  }),
  counter('retries_scheduled', 'retry-scheduled', {
    description: 'Deliveries set aside to be tried again: failed, or requested by the handler.',
    unit: DELIVERIES,
    labels: { ...ofGroup, reason: ({ requested }) => (requested ? 'requested' : 'failed') },
  }),
  counter('dead_lettered', 'dead-lettered', {
    description: 'Deliveries that went to the dead letters.',
    unit: DELIVERIES,
    labels: { ...ofGroup, ...reason },
  }),
  counter('given_back', 'given-back', {
    description: 'Deliveries that could not be run, and came again at no cost: contention, a shutdown.',
    unit: DELIVERIES,
    labels: ofGroup,
  }),
  counter('leases_lost', 'lease-lost', {
    description: 'Deliveries that somebody else had by the time this process was done with them.',
    unit: DELIVERIES,
    labels: ofGroup,
  }),
  counter('acks_lost', 'ack-lost', {
    description: 'Deliveries whose effect was durable and whose ACK did not get through to a broker apart.',
    unit: DELIVERIES,
    labels: ofGroup,
  }),
  counter('commits_unknown', 'commit-unknown', {
    description: 'COMMITs that got no answer.',
    unit: DELIVERIES,
    labels: ofGroup,
  }),
  counter('worker_errors', 'worker-error', {
    description: 'Times that a worker could not do its work.',
    unit: '{error}',
    labels: ofGroup,
  }),
];

const OF_MESSAGES = [
  counter('published', 'published', {
    description: 'Messages whose publishing transaction has committed.',
    unit: MESSAGES,
    labels: topic,
    by: count,
  }),
  counter('parked', 'parked', {
    description: 'Messages that found no group, and are kept for the first one.',
    unit: MESSAGES,
    labels: topic,
    by: count,
  }),
  counter('sent', 'sent', {
    description:
      'Messages that a relay has sent to a broker apart; again: under the inner-msg-id that was sent before.',
    unit: MESSAGES,
    labels: { ...topic, again: ({ sends }) => String(sends > 1) },
  }),
  counter('acks_missed', 'ack-missed', {
    description: 'Messages that were sent and got no ACK in time.',
    unit: MESSAGES,
    labels: topic,
  }),
  counter('refused', 'refused', {
    description: 'Messages that the broker did not take as they were. They stay in the outbox.',
    unit: MESSAGES,
    labels: topic,
  }),
  counter('landed', 'landed', {
    description: 'Messages that a broker apart, in this process, has stored.',
    unit: MESSAGES,
    labels: topic,
  }),
  counter('resends_absorbed', 'resend-absorbed', {
    description:
      'Messages whose inner-msg-id had landed before (the upper half): acknowledged, and not stored again.',
    unit: MESSAGES,
    labels: topic,
  }),
  counter('quarantined', 'quarantined', {
    description: 'Messages that nobody can tell from a repeat, kept until an operator decides.',
    unit: MESSAGES,
    labels: { ...topic, ...reason },
  }),
  counter('relayed', 'relayed', {
    description: 'Messages that have left the outbox, as their ACK has come.',
    unit: MESSAGES,
    by: count,
  }),
  counter('dropped', 'message-dropped', {
    description: 'Messages that nobody needed any more, deleted.',
    unit: MESSAGES,
    by: count,
  }),
];

const OF_UPKEEP = [
  counter('biz_id_conflicts', 'biz-id-conflict', {
    description:
      'Biz-ids that came again with another body. Topic and group are empty where IdempotentExecutor was called.',
    unit: '{conflict}',
    labels: { topic: ({ topic = '' }) => topic, group: ({ group = '' }) => group },
  }),
  counter('torn', 'torn', {
    description:
      'Transactions that were broken from within. Topic and group are empty where IdempotentExecutor was called.',
    unit: '{transaction}',
    labels: { topic: ({ topic = '' }) => topic, group: ({ group = '' }) => group },
  }),
  counter('relay_errors', 'relay-error', {
    description: 'Times that a relay could not do its work, and at which database.',
    unit: '{error}',
    labels: { at: ({ at }) => at },
  }),
  counter('forgotten', 'forgotten', {
    description: 'Rows older than their retention, deleted.',
    unit: '{row}',
    labels: { what: ({ what }) => what },
    by: count,
  }),
  counter('forgetting_held', 'forgetting-held', {
    description: 'Times that nothing of a scenario could be forgotten, for a new reason.',
    unit: '{time}',
    labels: reason,
  }),
  counter('clock_jumps', 'clock-jumped', {
    description: "Times that the clock of the broker's database was found to be off.",
    unit: '{time}',
  }),
];

/** In seconds: from a statement or two to a handler at its time limit. */
const HANDLING_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** In seconds: from a hand-over within the process to a backlog of hours. */
const EFFECT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200];

const HISTOGRAMS: EventMetric[] = [
  {
    kind: 'histogram',
    name: 'idempotent_mq.handling_duration',
    description:
      'How long an attempt took, from the call of the handler until its effect was durable (done), it had failed (failed), or had asked for it later (later). Deliveries that share a transaction have its time each.',
    unit: 's',
    labels: ['topic', 'group', 'outcome'],
    buckets: HANDLING_BUCKETS,
    events: ['acknowledged', 'retry-scheduled', 'dead-lettered'],
    measure: (event) => {
      if (event.type === 'acknowledged') return handled(event, 'done');
      if (event.type === 'retry-scheduled') return handled(event, event.requested ? 'later' : 'failed');
      return event.type === 'dead-lettered' ? handled(event, 'failed') : undefined;
    },
  },
  {
    kind: 'histogram',
    name: 'idempotent_mq.effect_delay',
    description:
      'How long it took from the landing of a message until its effect was durable, with all attempts and the time that it was to wait for.',
    unit: 's',
    labels: ['topic', 'group'],
    buckets: EFFECT_BUCKETS,
    events: ['acknowledged'],
    measure: (event) =>
      event.type === 'acknowledged'
        ? { value: event.ageMs / 1000, labels: { topic: event.topic, group: event.group } }
        : undefined,
  },
];

function handled(
  { topic, group, tookMs }: { topic: string; group: string; tookMs?: number | undefined },
  outcome: 'done' | 'failed' | 'later',
) {
  return tookMs === undefined ? undefined : { value: tookMs / 1000, labels: { topic, group, outcome } };
}

/** Every metric that events make. */
export const EVENT_METRICS: readonly EventMetric[] = [
  ...OF_MESSAGES,
  ...OF_DELIVERIES,
  ...OF_UPKEEP,
  ...HISTOGRAMS,
];
