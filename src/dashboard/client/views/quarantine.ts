import type { QuarantineLine, QuarantinePage } from '../../wire.js';
import { read } from '../api.js';
import { h } from '../dom.js';
import { Loaded } from '../loaded.js';
import { type Column, badge, empty, heading, pending, table, when } from '../parts/common.js';
import { hashOf } from '../route.js';
import type { MakeView } from '../view.js';

const COLUMNS: Column<QuarantineLine>[] = [
  {
    name: 'Message',
    cell: ({ id, bizId, topic }) => [
      h('a', { class: 'strong', href: hashOf('quarantine', id) }, bizId),
      h('span', { class: 'second' }, topic),
    ],
  },
  { name: 'Reason', cell: ({ reason }) => badge(reason, 'bad') },
  { name: 'inner-msg-id', cell: ({ innerMsgId }) => h('code', {}, innerMsgId) },
  { name: 'Copies', isNumber: true, cell: ({ copies }) => String(copies) },
  { name: 'Since', cell: ({ quarantinedAt }) => when(quarantinedAt) },
];

/** What nobody can tell from a repeat: an operator decides. */
export const quarantineView: MakeView = (page) => {
  const loaded = new Loaded<QuarantinePage>(() => page.changed());
  let after: string | undefined;

  return {
    title: () => 'Quarantine',
    enter: ({ query }) => {
      after = query.after;
      void loaded.load(read('quarantine', { after }));
    },
    render: () => [
      heading('Quarantine'),
      h(
        'p',
        { class: 'lead' },
        'Messages that the broker can’t tell from repeats: neither stored nor dropped, until somebody decides.',
      ),
      !loaded.value
        ? pending(loaded)
        : loaded.value.messages.length === 0
          ? empty(after ? 'There are no more.' : 'There are none.')
          : table('In quarantine, newest first', COLUMNS, loaded.value.messages, ({ id }) => id),
      (after !== undefined || loaded.value?.next !== undefined) &&
        h(
          'nav',
          { class: 'pages', 'aria-label': 'Pages' },
          after !== undefined && h('a', { href: hashOf('quarantine') }, 'Newest'),
          loaded.value?.next !== undefined &&
            h('a', { href: hashOf('quarantine', undefined, { after: loaded.value.next }) }, 'Older'),
        ),
    ],
  };
};
