import type { DeadLetterDetail } from '../../wire.js';
import { read } from '../api.js';
import { h } from '../dom.js';
import { Loaded } from '../loaded.js';
import { attempts, badge, body, button, facts, heading, pending } from '../parts/common.js';
import { hashOf } from '../route.js';
import type { MakeView } from '../view.js';
import { discard, requeue } from './dead-letter-actions.js';

/** One of them, with its history and its body. */
export const deadLetterView: MakeView = (page) => {
  const loaded = new Loaded<DeadLetterDetail>(() => page.changed());
  const then = (done: Promise<boolean>) =>
    void done.then((isDone) => {
      if (isDone) page.go(hashOf('dead-letters'));
    });

  return {
    title: () => loaded.value?.bizId ?? 'A dead letter',
    enter: ({ id = '' }) => {
      loaded.clear();
      void loaded.load(read('dead-letter', { id }));
    },
    render: ({ session }) => {
      const back = h('a', { class: 'back', href: hashOf('dead-letters') }, 'Dead letters');
      const letter = loaded.value;
      if (!letter) return [heading('A dead letter', back), pending(loaded)];
      const { id, topic, group, bizId, orderingKey, reason, failures, lostLeases, errors } = letter;
      const choice = { ids: [id] };
      return [
        heading(bizId, badge(reason, 'bad'), back),
        session?.readOnly === false &&
          h(
            'div',
            { class: 'toolbar', role: 'group', 'aria-label': 'Actions' },
            button('Requeue', () => then(requeue(page, choice, bizId)), 'main'),
            button('Discard', () => then(discard(page, choice, bizId)), 'grave'),
          ),
        facts([
          { name: 'topic', value: topic },
          { name: 'group', value: group ?? 'none ever took it' },
          orderingKey !== undefined && { name: 'ordering key', value: orderingKey },
          { name: 'failures', value: String(failures) },
          { name: 'lost leases', value: String(lostLeases) },
          { name: 'landed', time: letter.landedAt },
          { name: 'dead since', time: letter.deadAt },
        ]),
        h('p', {}, h('a', { href: hashOf('message', undefined, { topic, bizId }) }, 'Its whole story')),
        h('h2', {}, 'History, oldest first'),
        errors.length > 0 ? attempts(errors) : h('p', { class: 'empty' }, 'No error was noted.'),
        body(letter.body),
      ];
    },
  };
};
