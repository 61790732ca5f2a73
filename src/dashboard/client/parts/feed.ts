import type { Happening } from '../../wire.js';
import { type Child, h } from '../dom.js';
import { hashOf } from '../route.js';
import { empty, when } from './common.js';

/** What happened in this process, newest first. */
export function feed(happened: readonly Happening[]): Child {
  if (happened.length === 0)
    return empty('Nothing out of the ordinary has happened since this process started.');
  return h(
    'ol',
    { class: 'feed' },
    happened.map((line) =>
      h(
        'li',
        { key: line.number, class: line.tone },
        h(
          'p',
          { class: 'meta' },
          when(line.at),
          line.topic && h('span', {}, line.topic),
          line.group && h('span', {}, line.group),
          line.topic && line.bizId
            ? h(
                'a',
                { href: hashOf('message', undefined, { topic: line.topic, bizId: line.bizId }) },
                line.bizId,
              )
            : line.bizId,
          line.times > 1 && h('span', { class: 'badge plain' }, `× ${line.times}`),
        ),
        h('p', {}, line.text),
        line.error && h('p', { class: 'error' }, line.error),
      ),
    ),
  );
}
