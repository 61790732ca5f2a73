import type { Fact, Shown, AttemptLine } from '../../wire.js';
import { type Child, h } from '../dom.js';
import { ago, time } from '../format.js';
import type { Loaded } from '../loaded.js';

/** A moment, and how long ago that is. */
export function when(iso: string): Child {
  return h('time', { datetime: iso, title: ago(iso) }, time(iso));
}

export function badge(text: string, tone: string): Child {
  return h('span', { class: `badge ${tone}` }, text);
}

export function button(text: string, click: () => void, kind = 'quiet', props: object = {}): Child {
  return h('button', { type: 'button', class: kind, on: { click }, ...props }, text);
}

export function facts(given: readonly (Fact | false | undefined)[]): Child {
  const shown = given.filter((fact) => fact !== false && fact !== undefined);
  if (shown.length === 0) return undefined;
  return h(
    'dl',
    { class: 'facts' },
    shown.map((fact) =>
      h(
        'div',
        { key: fact.name },
        h('dt', {}, fact.name),
        h('dd', {}, fact.time ? when(fact.time) : fact.value),
      ),
    ),
  );
}

/** A table that becomes a list of cards where the screen is narrow: each cell names its column. */
export interface Column<Row> {
  name: string;
  /** Numbers stand at the right. */
  isNumber?: boolean;
  cell(row: Row): Child;
}

export function table<Row>(
  caption: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): Child {
  const kind = ({ isNumber }: Column<Row>) => (isNumber ? 'number' : undefined);
  return h(
    'table',
    // Said again: where the rows are cards, browsers forget what they are.
    { role: 'table' },
    h('caption', { class: 'unseen' }, caption),
    h(
      'thead',
      { role: 'rowgroup' },
      h(
        'tr',
        { role: 'row' },
        columns.map((column) =>
          h('th', { scope: 'col', role: 'columnheader', class: kind(column) }, column.name),
        ),
      ),
    ),
    h(
      'tbody',
      { role: 'rowgroup' },
      rows.map((row) =>
        h(
          'tr',
          { key: keyOf(row), role: 'row' },
          columns.map((column) =>
            h('td', { role: 'cell', class: kind(column), 'data-column': column.name }, column.cell(row)),
          ),
        ),
      ),
    ),
  );
}

/** In place of what is not there (yet). */
export function pending(loaded: Loaded<unknown>, loading = 'Loading…'): Child {
  if (loaded.error !== undefined) return h('p', { class: 'problem', role: 'alert' }, loaded.error);
  return h('p', { class: 'empty', role: 'status' }, loading);
}

export function empty(text: string): Child {
  return h('p', { class: 'empty' }, text);
}

export function body(shown: Shown): Child {
  return [
    h('h2', {}, 'Body'),
    shown.redacted && h('p', { class: 'hint' }, 'As the option redact lets it be seen.'),
    // It scrolls: so it has to be reached by keyboard.
    h('pre', { tabindex: '0', 'aria-label': 'Body of the message' }, shown.text),
  ];
}

export function attempts(errors: readonly AttemptLine[]): Child {
  if (errors.length === 0) return undefined;
  return h(
    'ol',
    { class: 'attempts' },
    errors.map(({ at, error }, i) =>
      h('li', { key: i }, when(at), h('pre', { tabindex: '0', 'aria-label': `Error ${i + 1}` }, error)),
    ),
  );
}

export function heading(text: string, ...beside: Child[]): Child {
  return h('div', { class: 'heading' }, h('h1', { tabindex: '-1' }, text), ...beside);
}
