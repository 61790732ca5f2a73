import type { Overview } from '../../wire.js';
import { type Child, h } from '../dom.js';
import { count, duration, number, rate } from '../format.js';
import { nameOf } from '../history.js';
import { type Column, badge, empty, facts, heading, table } from '../parts/common.js';
import type { MakeView } from '../view.js';

type Handler = NonNullable<Overview['status']['process']>['consuming'][number];

/** The relay and the workers of the process that serves this page. */
export const processView: MakeView = () => ({
  title: () => 'Relay and workers',
  render: ({ overview }) => {
    if (!overview) return [heading('Relay and workers'), empty('Looking at the broker…')];
    const { process } = overview;
    return [
      heading('Relay and workers'),
      h('p', { class: 'lead' }, 'Of the process that serves this page. Others have a page of their own.'),
      facts([
        { name: 'process', value: `${process.pid} on ${process.host}` },
        { name: 'started', time: process.startedAt },
        { name: 'database', value: overview.status.database },
        { name: 'schema', value: `version ${overview.status.schemaVersion}` },
        { name: 'broker', value: `${overview.status.broker.name} (${overview.status.broker.kind})` },
      ]),
      h('h2', {}, 'Relay'),
      relay(overview),
      h('h2', {}, 'Workers'),
      workers(overview),
      h('h2', {}, 'What is remembered'),
      scenarios(overview),
    ];
  },
});

function relay({ status, process: { relay: line } }: Overview): Child {
  const relaying = status.process?.relaying;
  if (status.broker.kind === 'same-database') {
    return empty('Nothing to relay: the broker’s tables are in the same database.');
  }
  return [
    line.trouble && h('p', { class: 'problem' }, line.trouble.error),
    facts([
      { name: 'state', value: relaying ? (line.trouble ? 'in trouble' : 'running') : 'not in this process' },
      line.trouble && { name: 'since', time: line.trouble.since },
      { name: 'sent', value: number(line.sent) },
      { name: 'of those again', value: number(line.resent) },
      line.lastSentAt !== undefined && { name: 'last sent', time: line.lastSentAt },
    ]),
  ];
}

function workers(overview: Overview): Child {
  const handlers = overview.status.process?.consuming ?? [];
  if (handlers.length === 0) return empty('This process handles nothing.');
  const troubles = new Map(overview.process.workers.map((one) => [nameOf(one), one]));
  const rates = new Map(overview.groups.map((one) => [nameOf(one), one]));
  const columns: Column<Handler>[] = [
    {
      name: 'Handler',
      cell: ({ handler, topic, group }) => [
        // As the log names it, which has both in brackets.
        h('b', {}, handler.replace(/ \(.*/, '')),
        h('span', { class: 'second' }, `${topic} → ${group}`),
      ],
    },
    {
      name: 'State',
      cell: (line) => {
        const trouble = troubles.get(nameOf(line));
        return trouble
          ? [badge('in trouble', 'bad'), h('span', { class: 'error' }, trouble.error)]
          : badge('running', 'good');
      },
    },
    { name: 'Delivered', isNumber: true, cell: (line) => rate(rates.get(nameOf(line))?.delivered ?? 0) },
    {
      name: 'Acknowledged',
      isNumber: true,
      cell: (line) => rate(rates.get(nameOf(line))?.acknowledged ?? 0),
    },
    { name: 'Failed', isNumber: true, cell: (line) => rate(rates.get(nameOf(line))?.failed ?? 0) },
  ];
  return table('Workers', columns, handlers, nameOf);
}

function scenarios({ status }: Overview): Child {
  if (status.scenarios.length === 0) return empty('Nothing has taken effect here yet.');
  return table(
    'Dedup rows by scenario',
    [
      { name: 'Scenario', cell: ({ scenario }) => h('code', {}, scenario) },
      { name: 'Dedup rows', isNumber: true, cell: ({ rows }) => count(rows) },
      { name: 'Oldest', isNumber: true, cell: ({ oldestMs }) => duration(oldestMs) },
      { name: 'Kept for', isNumber: true, cell: ({ retentionMs }) => duration(retentionMs) },
    ],
    status.scenarios,
    ({ scenario }) => scenario,
  );
}
