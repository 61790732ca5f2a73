import type {
  OutboxStatus,
  ScenarioStatus,
  Status,
  SubscriptionStatus,
  WaitingOnes,
} from '../../operate/index.js';
import { table } from './table.js';
import { ageOf, duration, key, numberOf, oneLine, time } from './words.js';

const PLACES: Record<Status['broker']['kind'], string> = {
  'same-database': 'in the same database',
  'own-database': 'in a database of its own',
  service: 'a service',
  engine: 'an engine of its own',
};

/** For people. */
export function statusInWords(status: Status): string {
  const { at, database, schemaVersion, broker, groups, topics, quarantine, unrouted, scenarios } = status;
  const where = broker.kind === 'same-database' ? '' : `: ${broker.name}`;
  const parked = topics.filter(({ parked, groups: count }) => parked.value > 0 || count === 0);
  const blocks = [
    [
      `${database}, tables of version ${schemaVersion}, at ${time(at)}`,
      `Broker: ${PLACES[broker.kind]}${where}${broker.reachable ? '' : '; it could not be reached'}`,
    ].join('\n'),
    groups.length > 0 ? groupsInWords(groups) : broker.reachable ? 'No group subscribes to anything.' : '',
    [
      ...parked.map(
        (one) =>
          `Parked of ${one.topic}, ${one.groups === 0 ? 'which no group subscribes to' : 'which no group took'}: ${numberOf(one.parked)}${since(one.oldestParkedMs)}`,
      ),
      ...(unrouted && unrouted.value > 0
        ? [`Dead letters that no group ever took: ${numberOf(unrouted)}`]
        : []),
      ...(quarantine ? [`Quarantine: ${waitingInWords(quarantine)}`] : []),
      `Outbox: ${outboxInWords(status.outbox)}`,
    ].join('\n'),
    scenarios.length > 0 ? scenariosInWords(scenarios) : 'Dedup log: nothing has ever deduplicated here.',
    status.notes.map((note) => `Note: ${oneLine(note)}`).join('\n'),
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

export function groupsInWords(groups: readonly SubscriptionStatus[]): string {
  const right = { align: 'right' } as const;
  return table(
    [
      { title: 'TOPIC' },
      { title: 'GROUP' },
      { title: 'READY', ...right },
      { title: 'OLDEST', ...right },
      { title: 'IN FLIGHT', ...right },
      { title: 'WAITING', ...right },
      { title: 'RETRYING', ...right },
      { title: 'KEYS', ...right },
      { title: 'DEAD', ...right },
      { title: '' },
    ],
    groups.map((one) => [
      one.topic,
      one.group,
      numberOf(one.ready),
      ageOf(one.oldestReadyMs),
      numberOf(one.inFlight),
      numberOf(one.waiting),
      one.retrying ? numberOf(one.retrying) : '-',
      one.keyedLines ? numberOf(one.keyedLines) : '-',
      numberOf(one.deadLetters),
      remarks(one),
    ]),
  );
}

function remarks({ paused, limits }: Pick<SubscriptionStatus, 'paused' | 'limits'>): string {
  return [
    ...(paused ? ['paused'] : []),
    ...(limits.concurrency === null ? [] : [`at most ${limits.concurrency} at a time`]),
    ...(limits.perSecond === null ? [] : [`at most ${limits.perSecond} a second`]),
  ].join(', ');
}

function waitingInWords({ waiting, oldestMs }: WaitingOnes): string {
  return waiting.value === 0 ? 'empty' : `${numberOf(waiting)}${since(oldestMs)}`;
}

function outboxInWords({ waiting, oldestMs, sent, scheduled }: OutboxStatus): string {
  const parts = [
    ...(waiting.value > 0 ? [`${numberOf(waiting)} for the broker${since(oldestMs)}`] : []),
    ...(sent.value > 0 ? [`${numberOf(sent)} of them sent, and not acknowledged`] : []),
    ...(scheduled.value > 0 ? [`${numberOf(scheduled)} scheduled`] : []),
  ];
  return parts.join('; ') || 'empty';
}

function since(oldestMs: number | undefined): string {
  return oldestMs === undefined ? '' : `, the oldest for ${duration(oldestMs)}`;
}

function scenariosInWords(scenarios: readonly ScenarioStatus[]): string {
  const right = { align: 'right' } as const;
  return table(
    [
      { title: 'DEDUP ROWS', ...right },
      { title: 'OLDEST', ...right },
      { title: 'KEPT FOR', ...right },
      { title: 'WATERMARK OF THE LAST PASS' },
      { title: 'SCENARIO' },
    ],
    scenarios.map(({ rows, oldestMs, retentionMs, mark, scenario }) => [
      numberOf(rows),
      ageOf(oldestMs),
      ageOf(retentionMs),
      mark ? time(mark) : '-',
      key(scenario),
    ]),
  );
}
