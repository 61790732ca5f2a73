import { table } from '../../support/figures.js';
import type { ContestantResult, Results } from '../results.js';
import { aimRows } from './aims.js';
import {
  ACROSS_P50,
  ACROSS_P99,
  CONSUME,
  END_TO_END,
  IDLE_CLIENT,
  IDLE_SERVER,
  IDLE_STATEMENTS,
  type Metric,
  PUBLISH,
  type Spread,
  WITHIN_P50,
  WITHIN_P99,
  consumeBy,
  cpuOf,
  measured,
  ratioOf,
  statementsIn,
} from './metrics.js';
import { leftOutOf, undisturbed, whyNotQuiet } from './quiet.js';

const SIDES = ['clients', 'servers'] as const;
const PHASES = ['publish', 'consume', 'endToEnd'] as const;

/** All of a run, in Markdown. */
export function tablesOf(results: Results): string {
  const { contestants, size } = undisturbed(results);
  const metrics = (...of: Metric[]) => metricTable(contestants, of);
  const sections: [string, string][] = [
    ['The run', runOf(results)],
    ['Throughput', metrics(PUBLISH, CONSUME, END_TO_END)],
    ['Consumer processes', metrics(...size.processes.map(consumeBy))],
    [
      'Latency at 50 messages a second, from the payment’s COMMIT to the effect, ms',
      metrics(WITHIN_P50, WITHIN_P99, ACROSS_P50, ACROSS_P99),
    ],
    ['Idle', metrics(IDLE_STATEMENTS, IDLE_CLIENT, IDLE_SERVER)],
    ['CPU, µs a message', metrics(...SIDES.flatMap((side) => PHASES.map((phase) => cpuOf(side, phase))))],
    [
      'Statements a message (PostgreSQL: transactions; Redis: commands beside MariaDB’s statements; RabbitMQ: MariaDB’s alone)',
      metrics(...PHASES.map(statementsIn)),
    ],
    ['The library, as so many times another one', ratioTable(contestants)],
    ['What we aim at', table([['ratio', 'aim', 'measured', ''], ...aimRows(contestants)])],
    ['Where others do better', lossTable(contestants)],
    ['Who took part', rosterTable(contestants)],
  ];
  const body = sections.map(([title, text]) => `## ${title}\n\n${text}`).join('\n\n');
  return `<!-- Written by the bench: npm run bench -- paid-card. -->\n\n# Figures\n\n${body}\n`;
}

function runOf(results: Results): string {
  const { machine, servers, packages, size, began, tookMinutes } = results;
  const disturbances = whyNotQuiet(results);
  const leftOut = leftOutOf(results);
  const lines = [
    `Began ${began}, took ${tookMinutes} minutes. ${size.rounds} rounds; ${size.messages} messages after a warm-up of ${size.warmUp}; ${size.concurrency} at once.`,
    `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB; ${machine.system}; Node ${machine.node}.`,
    `All servers’ data on ${machine.storage}; 4 KiB are on disk after ${machine.syncMs.toFixed(2)} ms (median).`,
    `Packages: ${Object.entries(packages)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    ...(leftOut.length > 0
      ? [`Left out, because others were at work meanwhile: ${leftOut.join(', ')}.`]
      : []),
  ];
  const head =
    disturbances.length === 0
      ? []
      : [`**Not a result: the machine was not quiet.** ${disturbances.join('; ')}.`];
  const rows = servers.map(({ kind, version, settings }) => [kind, version, settings]);
  return `${[...head, ...lines].join('\n\n')}\n\n${table([['server', 'version', 'settings'], ...rows])}`;
}

function metricTable(contestants: readonly ContestantResult[], metrics: readonly Metric[]): string {
  const rows = contestants.map((contestant) => [
    nameOf(contestant),
    ...metrics.map((metric) => show(measured(contestant, metric), metric.digits)),
  ]);
  return table([['', ...metrics.map(({ title }) => title)], ...rows.filter(hasFigures)]);
}

function ratioTable(contestants: readonly ContestantResult[]): string {
  const own = contestants.filter(({ family }) => family === 'ours');
  const others = contestants.filter(({ family }) => family !== 'ours');
  const rows = own.flatMap((ours) =>
    others
      // One engine's library against another engine's limit says nothing.
      .filter((other) => other.family === 'peer' || other.servers[0] === ours.servers[0])
      .map((other) => [
        nameOf(ours),
        nameOf(other),
        ...[PUBLISH, CONSUME, END_TO_END].map((metric) => show(ratioOf(ours, other, metric), 2)),
      ]),
  );
  return table([
    ['', 'to', 'publish', 'consume', 'end to end'],
    ...rows.filter((row) => hasFigures(row.slice(1))),
  ]);
}

/** Of each figure, whoever is better than the library at its best there; the limits are left out, as they are there to be. */
function lossTable(contestants: readonly ContestantResult[]): string {
  const own = contestants.filter(({ family }) => family === 'ours');
  const peers = contestants.filter(({ family }) => family === 'peer');
  const metrics = [PUBLISH, CONSUME, END_TO_END, WITHIN_P50, WITHIN_P99, ACROSS_P50, ACROSS_P99];
  const rows = [...metrics, IDLE_STATEMENTS, IDLE_CLIENT, IDLE_SERVER].flatMap((metric) =>
    own.flatMap((ours) =>
      peers.flatMap((peer) => {
        const [mine, theirs] = [measured(ours, metric), measured(peer, metric)];
        if (!mine || !theirs) return [];
        const isLost = metric.better === 'more' ? theirs.median > mine.median : theirs.median < mine.median;
        if (!isLost) return [];
        return [
          [metric.title, nameOf(ours), show(mine, metric.digits), nameOf(peer), show(theirs, metric.digits)],
        ];
      }),
    ),
  );
  return rows.length === 0 ? 'Nowhere.' : table([['figure', '', '', 'behind', ''], ...rows]);
}

function rosterTable(contestants: readonly ContestantResult[]): string {
  const rows = contestants.map((contestant) => [
    nameOf(contestant),
    contestant.settings,
    contestant.weaker ?? '',
    contestant.voids.length === 0
      ? ''
      : `${contestant.voids.length} void: ${contestant.voids[0]!.split('\n')[0]}`,
  ]);
  return table([['', 'settings', 'where its guarantee is weaker', 'void rounds'], ...rows]);
}

export function nameOf({ label, family, servers, weaker }: ContestantResult): string {
  const [server] = servers;
  const on = family === 'peer' ? '' : `${server === 'mysql' ? 'MySQL' : 'MariaDB'}: `;
  return `${family === 'ours' ? '**' : ''}${on}${label}${family === 'ours' ? '**' : ''}${weaker ? ' ¹' : ''}`;
}

export function show(spread: Spread | undefined, digits: number): string {
  if (!spread) return '–';
  const { median, least, most } = spread;
  const number = (value: number) => value.toFixed(digits);
  return `${number(median)} (${number(least)} to ${number(most)})`;
}

function hasFigures([, ...cells]: readonly string[]): boolean {
  return cells.some((cell) => cell !== '–');
}
