import type { DeadLetterChoice, DeadLetterLine, DeadLetterPage, DeadLetterQuery } from '../../wire.js';
import { read } from '../api.js';
import { type Child, h } from '../dom.js';
import { plural } from '../format.js';
import { Loaded } from '../loaded.js';
import { type Column, badge, button, empty, heading, pending, table, when } from '../parts/common.js';
import { Selection } from '../parts/selection.js';
import { hashOf } from '../route.js';
import type { MakeView, Model, Page } from '../view.js';
import { discard, requeue } from './dead-letter-actions.js';

const REASONS = [
  ...['failed', 'rejected', 'torn', 'process-lost', 'expired', 'unrouted'],
  ...['too-old-to-judge', 'biz-id-conflict'],
];
const FILTERS = ['topic', 'group', 'reason', 'bizId'] as const;

/** What is not tried any more, page by page. */
export const deadLettersView: MakeView = (page) => {
  const loaded = new Loaded<DeadLetterPage>(() => page.changed());
  const selection = new Selection(() => page.changed());
  let query: DeadLetterQuery & { after?: string } = {};

  const load = () => {
    selection.clear();
    return loaded.load(read('dead-letters', query));
  };
  const then = (done: Promise<boolean>) =>
    void done.then((isDone) => {
      if (isDone) void load();
    });

  return {
    title: () => 'Dead letters',
    enter: ({ query: given }) => {
      query = given;
      void load();
    },
    render: (model) => [
      heading('Dead letters'),
      filterForm(model, query, page),
      !loaded.value
        ? pending(loaded)
        : loaded.value.letters.length === 0
          ? empty(
              query.after
                ? 'There are no more.'
                : 'There are none. Everything was handled, or is still tried.',
            )
          : [
              model.session?.readOnly === false &&
                toolbar(page, loaded.value.letters, query, selection, then),
              letters(loaded.value.letters, selection, model.session?.readOnly === false),
            ],
      pages(query, loaded.value?.next),
    ],
  };
};

function filterForm({ overview }: Model, query: DeadLetterQuery, page: Page): Child {
  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    page.go(
      hashOf(
        'dead-letters',
        undefined,
        Object.fromEntries([...fields].map(([name, value]) => [name, (value as string).trim()])),
      ),
    );
  };
  const topics = [...new Set(overview?.status.topics.map(({ topic }) => topic))];
  const groups = [...new Set(overview?.status.groups.map(({ group }) => group))];
  const choice = (name: 'topic' | 'group' | 'reason', label: string, all: readonly string[]) => {
    const chosen = query[name];
    // Also one that there is none of any more.
    const values = chosen === undefined || all.includes(chosen) ? all : [chosen, ...all];
    return h(
      'label',
      {},
      h('span', {}, label),
      h(
        'select',
        { name, value: chosen ?? '' },
        h('option', { key: '', value: '' }, 'any'),
        values.map((value) => h('option', { key: `=${value}`, value }, value)),
      ),
    );
  };
  return h(
    'form',
    { class: 'search', on: { submit }, role: 'search', 'aria-label': 'Filter' },
    choice('topic', 'Topic', topics),
    choice('group', 'Group', groups),
    choice('reason', 'Reason', REASONS),
    h(
      'label',
      {},
      h('span', {}, 'Biz-id'),
      h('input', { name: 'bizId', value: query.bizId ?? '', autocomplete: 'off' }),
    ),
    h('button', { class: 'main' }, 'Filter'),
  );
}

function toolbar(
  page: Page,
  shown: readonly DeadLetterLine[],
  query: DeadLetterQuery & { after?: string },
  selection: Selection,
  then: (done: Promise<boolean>) => void,
): Child {
  const { ids } = selection;
  const these = { ids };
  const name = plural(ids.length, 'dead letter');
  const filter = Object.fromEntries(FILTERS.filter((key) => query[key]).map((key) => [key, query[key]]));
  const hasFilter = Object.keys(filter).length > 0;
  // What has died since this page was read is not among them: nobody has seen it.
  const all: DeadLetterChoice = { all: filter, deadUntil: shown[0]!.deadAt };
  const allName = `all that match ${Object.values(filter).join(', ')}`;
  const isNone = { disabled: ids.length === 0 };
  return h(
    'div',
    { class: 'toolbar', role: 'group', 'aria-label': 'Actions' },
    h('span', { role: 'status' }, ids.length > 0 ? `${ids.length} marked` : 'None marked'),
    button('Requeue', () => then(requeue(page, these, name)), 'main', isNone),
    button('Discard', () => then(discard(page, these, name)), 'grave', isNone),
    // On the first page: what is newer than the others is not shown there.
    hasFilter &&
      !query.after && [
        h('span', { class: 'gap' }),
        button('Requeue all that match', () => then(requeue(page, all, allName))),
        button('Discard all that match', () => then(discard(page, all, allName)), 'quiet grave'),
      ],
  );
}

function letters(shown: readonly DeadLetterLine[], selection: Selection, canMark: boolean): Child {
  const columns: Column<DeadLetterLine>[] = [
    {
      name: 'Message',
      cell: ({ id, bizId, topic, group }) => [
        h('a', { class: 'strong', href: hashOf('dead-letters', id) }, bizId),
        h('span', { class: 'second' }, `${topic} → ${group ?? 'no group'}`),
      ],
    },
    { name: 'Reason', cell: ({ reason }) => badge(reason, 'bad') },
    { name: 'Last error', cell: ({ error }) => h('span', { class: 'error' }, error ?? '–') },
    { name: 'Failures', isNumber: true, cell: ({ failures }) => String(failures) },
    { name: 'Dead since', cell: ({ deadAt }) => when(deadAt) },
  ];
  const mark: Column<DeadLetterLine> = {
    name: 'Mark',
    cell: ({ id, bizId }) =>
      h('input', {
        type: 'checkbox',
        'aria-label': `Mark ${bizId}`,
        checked: selection.has(id),
        on: { change: (event) => selection.mark([id], (event.target as HTMLInputElement).checked) },
      }),
  };
  const ids = shown.map(({ id }) => id);
  return [
    canMark &&
      h(
        'label',
        { class: 'mark-all' },
        h('input', {
          type: 'checkbox',
          checked: ids.every((id) => selection.has(id)),
          on: { change: (event) => selection.mark(ids, (event.target as HTMLInputElement).checked) },
        }),
        `Mark all ${ids.length} on this page`,
      ),
    table('Dead letters, newest first', canMark ? [mark, ...columns] : columns, shown, ({ id }) => id),
  ];
}

function pages(query: DeadLetterQuery & { after?: string }, next: string | undefined): Child {
  if (!query.after && next === undefined) return undefined;
  return h(
    'nav',
    { class: 'pages', 'aria-label': 'Pages' },
    query.after &&
      h('a', { href: hashOf('dead-letters', undefined, { ...query, after: undefined }) }, 'Newest'),
    next !== undefined &&
      h('a', { href: hashOf('dead-letters', undefined, { ...query, after: next }) }, 'Older'),
  );
}
