import type { ContestantResult, Results } from '../results.js';
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
  WITHIN_P50,
  WITHIN_P99,
  consumeBy,
  measured,
} from './metrics.js';
import { type Bar, type Chart, svgOf } from './svg.js';
import { nameOf } from './tables.js';

const SPREAD = 'median of the rounds, and the least and the greatest; ¹ its guarantee is weaker';

/** File names, and what is in them. */
export function plotsOf({ contestants, size }: Results): Map<string, string> {
  const charts: [string, Chart][] = [
    ...[PUBLISH, CONSUME, END_TO_END].map((metric): [string, Chart] => [
      metric.name,
      chart(`${metric.title}: messages a second`, contestants, [metric]),
    ]),
    ['processes', chart('Consumer processes: messages a second', contestants, size.processes.map(consumeBy))],
    [
      'latency-within',
      chart(
        'Latency at 50 a second within a process, ms (log scale)',
        contestants,
        [WITHIN_P50, WITHIN_P99],
        true,
      ),
    ],
    [
      'latency-across',
      chart(
        'Latency at 50 a second across processes, ms (log scale)',
        contestants,
        [ACROSS_P50, ACROSS_P99],
        true,
      ),
    ],
    ['idle-statements', chart('Idle: statements a second', contestants, [IDLE_STATEMENTS])],
    ['idle-cpu', chart('Idle: ms of CPU a second', contestants, [IDLE_CLIENT, IDLE_SERVER])],
  ];
  return new Map(
    charts.filter(([, { bars }]) => bars.length > 0).map(([name, of]) => [`${name}.svg`, svgOf(of)]),
  );
}

function chart(
  title: string,
  contestants: readonly ContestantResult[],
  metrics: readonly Metric[],
  isLog = false,
): Chart {
  const bars = contestants.flatMap((contestant) =>
    metrics.flatMap((metric) => barOf(contestant, metric, metrics.length > 1)),
  );
  const better = metrics[0]!.better === 'more' ? 'longer' : 'shorter';
  return { title, subtitle: `${better} is better; ${SPREAD}`, bars, digits: metrics[0]!.digits, isLog };
}

function barOf(contestant: ContestantResult, metric: Metric, hasMany: boolean): Bar[] {
  const spread = measured(contestant, metric);
  if (!spread) return [];
  const { median: middle, least, most } = spread;
  const name = nameOf(contestant).replaceAll('*', '');
  const short = metric.title.split(', ').at(-1)!;
  return [{ label: hasMany ? `${name}, ${short}` : name, family: contestant.family, middle, least, most }];
}
