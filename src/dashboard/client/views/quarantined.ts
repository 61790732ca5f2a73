import type { QuarantineDetail } from '../../wire.js';
import { act, read } from '../api.js';
import { h } from '../dom.js';
import { Loaded } from '../loaded.js';
import { badge, body, button, facts, heading, pending } from '../parts/common.js';
import { hashOf } from '../route.js';
import type { MakeView, Question } from '../view.js';

const RELEASE: Question = {
  title: 'Release it?',
  text: 'It lands as a message of its own, and is delivered. For one that never landed, or where a second delivery does no harm because its consumers are idempotent.',
  action: 'Release',
};
const DISCARD: Question = {
  title: 'Discard it?',
  text: 'Dropped for good: for one that has landed before. This can’t be undone.',
  action: 'Discard for good',
  isGrave: true,
};

/** One of them, with its body, and what to do about it. */
export const quarantinedView: MakeView = (page) => {
  const loaded = new Loaded<QuarantineDetail>(() => page.changed());

  const decide = async (action: 'release-quarantined' | 'discard-quarantined', id: string) => {
    const isRelease = action === 'release-quarantined';
    if (!(await page.ask(isRelease ? RELEASE : DISCARD))) return;
    try {
      const { done } = await act(action, { id });
      const past = isRelease ? 'Released.' : 'Discarded.';
      page.notice(done ? past : 'Somebody has decided about it before.', done ? 'good' : 'bad');
      page.go(hashOf('quarantine'));
    } catch (error) {
      page.notice((error as Error).message, 'bad');
    }
  };

  return {
    title: () => loaded.value?.bizId ?? 'In quarantine',
    enter: ({ id = '' }) => {
      loaded.clear();
      void loaded.load(read('quarantined', { id }));
    },
    render: ({ session }) => {
      const back = h('a', { class: 'back', href: hashOf('quarantine') }, 'Quarantine');
      const message = loaded.value;
      if (!message) return [heading('In quarantine', back), pending(loaded)];
      const { id, topic, bizId, innerMsgId, reason, copies, quarantinedAt } = message;
      return [
        heading(bizId, badge(reason, 'bad'), back),
        session?.readOnly === false &&
          h(
            'div',
            { class: 'toolbar', role: 'group', 'aria-label': 'Actions' },
            button('Release', () => void decide('release-quarantined', id), 'main'),
            button('Discard', () => void decide('discard-quarantined', id), 'grave'),
          ),
        facts([
          { name: 'topic', value: topic },
          { name: 'inner-msg-id', value: innerMsgId },
          { name: 'copies', value: String(copies) },
          { name: 'since', time: quarantinedAt },
        ]),
        h(
          'p',
          {},
          h('a', { href: hashOf('message', undefined, { topic, bizId }) }, 'What is known of this biz-id'),
        ),
        body(message.body),
      ];
    },
  };
};
