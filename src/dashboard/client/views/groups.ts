import { act } from '../api.js';
import { type Child, h } from '../dom.js';
import { count, duration } from '../format.js';
import type { GroupOverview } from '../history.js';
import { type Column, button, empty, heading, table } from '../parts/common.js';
import { type GroupRow, groupsTable } from '../parts/groups-table.js';
import type { MakeView, Model, Page } from '../view.js';

type TopicOverview = NonNullable<Model['overview']>['status']['topics'][number];

export const groupsView: MakeView = (page) => ({
  title: () => 'Topics and groups',
  render: (model) => {
    const { overview, session } = model;
    if (!overview) return [heading('Topics and groups'), empty('Looking at the broker…')];
    const more = session?.readOnly === false ? [limits, holding(page)] : [limits];
    return [
      heading('Topics and groups'),
      h('h2', {}, 'Groups'),
      groupsTable(model, more),
      h('h2', {}, 'Topics'),
      topics(overview.status.topics),
    ];
  },
});

const limits: Column<GroupRow> = {
  name: 'Limits',
  cell: ({ line: { limits: given } }) => {
    const parts = [
      given.concurrency !== null && `${given.concurrency} at a time`,
      given.perSecond !== null && `${given.perSecond} a second`,
    ].filter(Boolean);
    return parts.length > 0 ? parts.join(', ') : h('span', { class: 'none' }, 'none');
  },
};

function holding(page: Page): Column<GroupRow> {
  return {
    name: 'Action',
    cell: ({ line }) => {
      const { group, topic, paused } = line;
      const name = `${paused ? 'Resume' : 'Pause'} ${group} of ${topic}`;
      return button(paused ? 'Resume' : 'Pause', () => void hold(page, line), 'quiet', {
        'aria-label': name,
      });
    },
  };
}

async function hold(page: Page, { group, topic, paused }: GroupOverview): Promise<void> {
  const asked = {
    title: paused ? `Resume ${group}?` : `Pause ${group}?`,
    text: paused
      ? `What was kept of ${topic} is handed out again, in every process.`
      : `Nothing of ${topic} is handed out to it any more, in every process, until it is resumed. What comes is kept; what is being handled is finished.`,
    action: paused ? 'Resume' : 'Pause',
  };
  if (!(await page.ask(asked))) return;
  try {
    await act(paused ? 'resume-group' : 'pause-group', { group, topic });
    page.notice(paused ? `${group} goes on.` : `${group} is paused.`);
  } catch (error) {
    page.notice((error as Error).message, 'bad');
  }
}

function topics(lines: readonly TopicOverview[]): Child {
  if (lines.length === 0) return empty('There is no topic yet.');
  const columns: Column<TopicOverview>[] = [
    { name: 'Topic', cell: ({ topic }) => h('b', {}, topic) },
    { name: 'Groups', isNumber: true, cell: ({ groups }) => String(groups) },
    {
      name: 'Parked',
      isNumber: true,
      cell: ({ parked }) => h('span', { class: parked.value > 0 ? 'warn' : undefined }, count(parked)),
    },
    { name: 'Oldest parked', isNumber: true, cell: ({ oldestParkedMs }) => duration(oldestParkedMs) },
  ];
  return table('Topics', columns, lines, ({ topic }) => topic);
}
