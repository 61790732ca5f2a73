import type { GroupRates } from '../../wire.js';
import { type Child, h } from '../dom.js';
import { count, duration, rate } from '../format.js';
import { type GroupOverview, backlogOf, nameOf } from '../history.js';
import { hashOf } from '../route.js';
import type { Model } from '../view.js';
import { type Column, badge, empty, table } from './common.js';
import { sparkline } from './sparkline.js';

export interface GroupRow {
  line: GroupOverview;
  rates: GroupRates | undefined;
  /** Whether a handler of this process takes it. */
  isHere: boolean;
}

export function groupRows({ overview }: Model): GroupRow[] {
  if (!overview) return [];
  const rates = new Map(overview.groups.map((one) => [nameOf(one), one]));
  const here = new Set(overview.status.process?.consuming.map(nameOf));
  return overview.status.groups.map((line) => ({
    line,
    rates: rates.get(nameOf(line)),
    isHere: here.has(nameOf(line)),
  }));
}

/** Each group, how much there is for it and how it goes. */
export function groupsTable(model: Model, more: readonly Column<GroupRow>[] = []): Child {
  const rows = groupRows(model);
  if (rows.length === 0) return empty('No group subscribes to anything yet.');
  const columns: Column<GroupRow>[] = [
    {
      name: 'Group',
      cell: ({ line }) => [
        h('b', {}, line.group),
        line.paused && [' ', badge('paused', 'warn')],
        h('span', { class: 'second' }, line.topic),
      ],
    },
    {
      name: 'Backlog',
      isNumber: true,
      cell: ({ line }) => [
        h('span', { class: 'trend' }, trendOf(model.history.trend(line))),
        sparkline(model.history.of(line)),
        h('b', {}, backlogText(line)),
      ],
    },
    { name: 'Ready', isNumber: true, cell: ({ line }) => count(line.ready) },
    { name: 'In flight', isNumber: true, cell: ({ line }) => count(line.inFlight) },
    { name: 'Waiting', isNumber: true, cell: ({ line }) => count(line.waiting) },
    { name: 'Oldest', isNumber: true, cell: ({ line }) => duration(line.oldestReadyMs) },
    {
      name: 'Handled here',
      isNumber: true,
      cell: ({ rates, isHere }) =>
        isHere || rates?.acknowledged
          ? rate(rates?.acknowledged ?? 0)
          : h('span', { class: 'none', title: 'No handler of it in this process' }, 'elsewhere'),
    },
    {
      name: 'Dead letters',
      isNumber: true,
      cell: ({ line }) =>
        line.deadLetters.value === 0
          ? '0'
          : h(
              'a',
              {
                class: 'bad',
                href: hashOf('dead-letters', undefined, { topic: line.topic, group: line.group }),
              },
              count(line.deadLetters),
            ),
    },
    ...more,
  ];
  return table('Groups', columns, rows, ({ line }) => nameOf(line));
}

function backlogText(line: GroupOverview): string {
  const value = backlogOf(line);
  const isExact = [line.ready, line.inFlight, line.waiting].every(({ precision }) => precision === 'exact');
  return count({ value, precision: isExact ? 'exact' : 'at-least' });
}

function trendOf(perSecond: number | undefined): string {
  if (perSecond === undefined || Math.abs(perSecond) < 0.05) return '';
  return `${perSecond > 0 ? '▲' : '▼'} ${rate(Math.abs(perSecond))}`;
}
