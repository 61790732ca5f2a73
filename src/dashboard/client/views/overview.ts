import { h } from '../dom.js';
import { feed } from '../parts/feed.js';
import { groupsTable } from '../parts/groups-table.js';
import { empty, heading } from '../parts/common.js';
import { picture } from '../parts/picture.js';
import type { MakeView } from '../view.js';

export const overviewView: MakeView = () => ({
  title: () => 'Overview',
  render: (model) => {
    const { overview } = model;
    if (!overview) return [heading('Overview'), empty('Looking at the broker…')];
    const { status, happened } = overview;
    return [
      heading('Overview'),
      status.notes.length > 0 &&
        h(
          'ul',
          { class: 'problem' },
          status.notes.map((note, i) => h('li', { key: i }, note)),
        ),
      picture(overview),
      h('h2', {}, 'Groups'),
      groupsTable(model),
      h('h2', {}, 'What happens in this process'),
      feed(happened),
    ];
  },
});
