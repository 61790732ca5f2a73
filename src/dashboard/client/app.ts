import { openSession } from './api.js';
import { h, show } from './dom.js';
import { History } from './history.js';
import { type Connection, listen } from './live.js';
import { pageAround } from './page.js';
import { type Route, hashOf, routeOf } from './route.js';
import type { Model, View } from './view.js';
import { deadLetterView } from './views/dead-letter.js';
import { deadLettersView } from './views/dead-letters.js';
import { groupsView } from './views/groups.js';
import { messageView } from './views/message.js';
import { overviewView } from './views/overview.js';
import { processView } from './views/process.js';
import { quarantineView } from './views/quarantine.js';
import { quarantinedView } from './views/quarantined.js';

const main = document.getElementById('main')!;
const page = pageAround(render);

const views = {
  overview: overviewView(page),
  groups: groupsView(page),
  message: messageView(page),
  'dead-letters': deadLettersView(page),
  'dead-letter': deadLetterView(page),
  quarantine: quarantineView(page),
  quarantined: quarantinedView(page),
  process: processView(page),
} satisfies Record<string, View>;

/** One of a list has a view of its own. */
const OF_ONE: Partial<Record<string, keyof typeof views>> = {
  'dead-letters': 'dead-letter',
  quarantine: 'quarantined',
};

const NAVIGATION = [
  ['overview', 'Overview'],
  ['groups', 'Groups'],
  ['message', 'Message'],
  ['dead-letters', 'Dead letters'],
  ['quarantine', 'Quarantine'],
  ['process', 'Process'],
] as const;

const model: Model = {
  route: routeOf(location.hash),
  session: undefined,
  overview: undefined,
  connection: 'connecting',
  history: new History(),
};
const system = document.title;

function viewOf({ view, id }: Route): View {
  const name = (id !== undefined && OF_ONE[view]) || view || 'overview';
  return Object.hasOwn(views, name) ? views[name as keyof typeof views] : views.overview;
}

function render(): void {
  const view = viewOf(model.route);
  document.title = `${view.title(model.route)} · ${system}`;
  const current = model.route.view || 'overview';
  show(document.getElementById('navigation')!, [
    h(
      'ul',
      {},
      NAVIGATION.map(([name, text]) =>
        h(
          'li',
          { key: name },
          h(
            'a',
            { href: hashOf(name), 'aria-current': name === current ? 'page' : undefined },
            text,
            alarmOf(name),
          ),
        ),
      ),
    ),
  ]);
  // Fields and focus of one place mean nothing at another.
  show(main, [h('div', { key: location.hash }, view.render(model))]);
}

/** What waits for an operator. */
function alarmOf(name: string) {
  const status = model.overview?.status;
  const many =
    name === 'dead-letters'
      ? status?.groups.reduce((all, { deadLetters }) => all + deadLetters.value, status.unrouted?.value ?? 0)
      : name === 'quarantine'
        ? status?.quarantine?.waiting.value
        : 0;
  return many ? h('span', { class: 'alarm' }, many > 999 ? '999+' : String(many)) : undefined;
}

const CONNECTIONS: Record<Connection, string> = {
  live: 'Live',
  polling: 'Every 10 s',
  connecting: 'Connecting…',
  away: 'No answer',
};

function connected(connection: Connection, why = ''): void {
  const status = document.getElementById('connection')!;
  // A status that is written anew is read out anew.
  if (model.connection !== connection) status.textContent = CONNECTIONS[connection];
  status.className = `connection ${connection}`;
  status.title = why;
  model.connection = connection;
}

function enter(isFirst: boolean): void {
  model.route = routeOf(location.hash);
  viewOf(model.route).enter?.(model.route);
  render();
  document.querySelector('header [aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' });
  if (isFirst) return;
  scrollTo(0, 0);
  main.querySelector('h1')?.focus({ preventScroll: true });
}

document.querySelector('.skip')!.addEventListener('click', (event) => {
  // Its address would be that of a view.
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', () => enter(false));
enter(true);
openSession()
  .then((session) => {
    model.session = session;
    render();
  })
  .catch((error: unknown) => page.notice((error as Error).message, 'bad'));
listen({
  overview: (overview) => {
    model.overview = overview;
    model.history.note(overview);
    render();
  },
  connection: connected,
});
