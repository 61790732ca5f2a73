import type { Count } from '../../../operate/count.js';
import type { Overview } from '../../wire.js';
import { type Child, h } from '../dom.js';
import { count, duration, number, plural, rate } from '../format.js';
import { hashOf } from '../route.js';

/** The six steps, as docs/how-it-works.md draws them, with what passes along each arrow. */
export function picture(overview: Overview): Child {
  const { status, steps, absorbed } = overview;
  return h(
    'figure',
    { class: 'picture', 'aria-label': 'The six steps of a message' },
    publisher(overview),
    way(
      'upper',
      arrow('1', 'send', steps.send),
      arrow('3', 'ACK', steps.confirm),
      status.broker.kind === 'same-database'
        ? 'one COMMIT: nothing to re-send'
        : `${plural(absorbed.resends, 're-send')} absorbed`,
      'by inner-msg-id',
    ),
    broker(overview),
    way(
      'lower',
      arrow('4', 'deliver', steps.deliver),
      arrow('5', 'ACK', steps.acknowledge),
      `${plural(absorbed.duplicates, 'redelivery', 'redeliveries')} absorbed`,
      'by biz-id',
    ),
    consumers(overview),
    h(
      'figcaption',
      {},
      'On the arrows: this process, a second, over the last 10 s; absorbed since it started. In the boxes: the whole broker.',
    ),
  );
}

function publisher({ status }: Overview): Child {
  const { outbox, broker } = status;
  const isOne = broker.kind === 'same-database';
  return box(
    'publisher',
    'Publisher',
    isOne ? 'row + message in one transaction' : 'row + outbox in one transaction',
    isOne
      ? [h('p', { class: 'said' }, 'No outbox: the broker’s tables are in the same database.')]
      : [
          stat('in the outbox', count(outbox.waiting), outbox.waiting.value > 0 ? 'warn' : undefined),
          stat('sent, no ACK yet', count(outbox.sent)),
          stat('oldest', duration(outbox.oldestMs)),
          stat('scheduled', count(outbox.scheduled)),
        ],
  );
}

function broker({ status, steps }: Overview): Child {
  const { groups, topics, quarantine } = status;
  const parked = sum(topics.map((topic) => topic.parked));
  return box(
    'broker',
    'Broker',
    status.broker.reachable ? status.broker.name : `${status.broker.name} does not answer`,
    [
      h(
        'ul',
        { class: 'inner' },
        h('li', {}, step('2', 'land'), h('b', {}, rate(steps.land))),
        h('li', {}, step('6', 'drop'), h('b', {}, rate(steps.drop))),
      ),
      stat('ready', count(sum(groups.map(({ ready }) => ready)))),
      stat('in flight', count(sum(groups.map(({ inFlight }) => inFlight)))),
      stat('waiting', count(sum(groups.map(({ waiting }) => waiting)))),
      stat('parked', count(parked), parked.value > 0 ? 'warn' : undefined),
      quarantine &&
        stat(
          'quarantine',
          count(quarantine.waiting),
          quarantine.waiting.value > 0 ? 'bad' : undefined,
          hashOf('quarantine'),
        ),
    ],
  );
}

function consumers({ status, process }: Overview): Child {
  const { groups } = status;
  // With those that no group ever took.
  const dead = sum([
    ...groups.map(({ deadLetters }) => deadLetters),
    ...(status.unrouted ? [status.unrouted] : []),
  ]);
  const retrying = groups.flatMap((group) => (group.retrying ? [group.retrying] : []));
  const handlers = status.process?.consuming.length ?? 0;
  return box('consumer', 'Consumers', 'dedup row + effect in one transaction', [
    stat('groups', number(groups.length), undefined, hashOf('groups')),
    stat(
      'handlers here',
      number(handlers),
      process.workers.length > 0 ? 'bad' : undefined,
      hashOf('process'),
    ),
    retrying.length > 0 && stat('tried again', count(sum(retrying))),
    stat('dead letters', count(dead), dead.value > 0 ? 'bad' : undefined, hashOf('dead-letters')),
  ]);
}

function box(kind: string, title: string, subtitle: string, content: Child): Child {
  return h(
    'section',
    { class: `box ${kind}`, 'aria-label': title },
    h('h2', {}, title),
    h('p', { class: 'subtitle' }, subtitle),
    content,
  );
}

function way(kind: string, there: Child, back: Child, absorbed: string, how: string): Child {
  return h(
    'section',
    {
      class: `way ${kind}`,
      'aria-label': kind === 'upper' ? 'Between publisher and broker' : 'Between broker and consumers',
    },
    h('div', { class: 'there' }, there),
    h('div', { class: 'back' }, back),
    h('p', { class: 'absorbed' }, absorbed, h('span', {}, how)),
  );
}

function arrow(numeral: string, name: string, perSecond: number): Child {
  return [
    h('p', {}, step(numeral, name), h('b', {}, rate(perSecond))),
    h('div', { class: 'line', 'data-speed': speedOf(perSecond), 'aria-hidden': 'true' }),
  ];
}

function step(numeral: string, name: string): Child {
  return [h('span', { class: 'numeral' }, numeral), h('span', {}, name)];
}

function stat(name: string, value: string, tone?: string, href?: string): Child {
  const content = [h('span', {}, name), h('b', { class: tone }, value)];
  return href ? h('a', { class: 'stat', href }, content) : h('p', { class: 'stat' }, content);
}

/** How fast the dots run along it. */
function speedOf(perSecond: number): string {
  const at = [0.05, 1, 20, 200].findIndex((least) => perSecond < least);
  return String(at < 0 ? 4 : at);
}

export function sum(counts: readonly Count[]): Count {
  const value = counts.reduce((all, one) => all + one.value, 0);
  return { value, precision: counts.every(({ precision }) => precision === 'exact') ? 'exact' : 'at-least' };
}
