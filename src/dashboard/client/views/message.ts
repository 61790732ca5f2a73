import type { Story, StoryMessage, StoryPart } from '../../wire.js';
import { read } from '../api.js';
import { type Child, h } from '../dom.js';
import { Loaded } from '../loaded.js';
import { attempts, facts, heading, pending, when } from '../parts/common.js';
import { hashOf } from '../route.js';
import type { MakeView, Model } from '../view.js';

/** What became of one biz-id. */
export const messageView: MakeView = (page) => {
  const story = new Loaded<Story>(() => page.changed());
  let asked = { topic: '', bizId: '' };

  const submit = (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    const [topic, bizId] = ['topic', 'bizId'].map((name) => (fields.get(name) as string).trim()) as [
      string,
      string,
    ];
    const hash = hashOf('message', undefined, { topic, bizId });
    // The same question again is asked again.
    if (hash === location.hash) void story.load(read('story', { topic, bizId }));
    else page.go(hash);
  };

  return {
    title: () => (asked.bizId ? `Message ${asked.bizId}` : 'One message'),
    enter: ({ query: { topic = '', bizId = '' } }) => {
      asked = { topic, bizId };
      if (topic && bizId) void story.load(read('story', { topic, bizId }));
      else story.clear();
    },
    render: (model) => [
      heading('One message'),
      h('p', { class: 'lead' }, 'Where is it? By its topic and its biz-id, at every stage of its way.'),
      form(model, asked, submit),
      story.value
        ? told(story.value)
        : (story.isLoading || story.error !== undefined) && pending(story, 'Looking for it…'),
    ],
  };
};

function form(
  { overview }: Model,
  asked: { topic: string; bizId: string },
  submit: (event: Event) => void,
): Child {
  const field = { required: true, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off' };
  return h(
    'form',
    { class: 'search', on: { submit }, role: 'search' },
    h(
      'label',
      {},
      h('span', {}, 'Topic'),
      h('input', { name: 'topic', list: 'topics', value: asked.topic, ...field }),
      h(
        'datalist',
        { id: 'topics' },
        overview?.status.topics.map(({ topic }) => h('option', { key: topic, value: topic })),
      ),
    ),
    h('label', {}, h('span', {}, 'Biz-id'), h('input', { name: 'bizId', value: asked.bizId, ...field })),
    h('button', { class: 'main' }, 'Find'),
  );
}

function told({ summary, notes, messages }: Story): Child {
  return h(
    'section',
    { 'aria-label': 'What was found' },
    h('p', { class: 'summary', role: 'status' }, summary),
    notes.map((note) => h('p', { class: 'problem' }, note)),
    messages.map((message, i) => [
      h('h2', {}, messages.length > 1 ? `Message ${i + 1} of ${messages.length}` : 'Its way'),
      facts([
        message.innerMsgId !== undefined && { name: 'inner-msg-id', value: message.innerMsgId },
        message.orderingKey !== undefined && { name: 'ordering key', value: message.orderingKey },
        message.expiresAt !== undefined && { name: 'expires', time: message.expiresAt },
      ]),
      way(message),
    ]),
  );
}

function way({ parts }: StoryMessage): Child {
  return h(
    'ol',
    { class: 'story' },
    parts.map((part, i) => h('li', { key: i, class: part.tone }, stage(part))),
  );
}

function stage({ step, title, at, facts: known, errors, deadLetter, quarantined }: StoryPart): Child {
  return [
    h('p', { class: 'meta' }, h('span', { class: 'badge plain' }, step), at && when(at)),
    h('h3', {}, title),
    facts(known),
    attempts(errors),
    deadLetter && h('p', {}, h('a', { href: hashOf('dead-letters', deadLetter) }, 'Requeue or discard it')),
    quarantined && h('p', {}, h('a', { href: hashOf('quarantine', quarantined) }, 'Release or discard it')),
  ];
}
