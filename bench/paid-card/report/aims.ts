import type { ContestantResult } from '../results.js';
import {
  ACROSS_P50,
  CONSUME,
  END_TO_END,
  IDLE_STATEMENTS,
  type Metric,
  PUBLISH,
  WITHIN_P50,
  WITHIN_P99,
  measured,
  ratioOf,
} from './metrics.js';

/** What the library is held to, in ratios of one run. */
interface Aim {
  what: string;
  of: string;
  to: string;
  metric: Metric;
  least: number;
}

const ONE = 'ours-mariadb-one-one-by-one';
const SHARED = 'ours-mariadb-one-shared';
const BATCH = 'ours-mariadb-one-batch';

const AIMS: readonly Aim[] = [
  { what: 'publish ÷ by hand', of: ONE, to: 'raw-mariadb-same', metric: PUBLISH, least: 0.97 },
  {
    what: 'consume one by one ÷ by hand, our statements',
    of: ONE,
    to: 'raw-mariadb-same',
    metric: CONSUME,
    least: 0.95,
  },
  {
    what: 'consume one by one ÷ by hand, 5 round trips',
    of: ONE,
    to: 'raw-mariadb-naive',
    metric: CONSUME,
    least: 1,
  },
  {
    what: 'end to end one by one ÷ by hand, 3 round trips',
    of: ONE,
    to: 'raw-mariadb-stacked',
    metric: END_TO_END,
    least: 0.85,
  },
  {
    what: 'end to end, outbox + relay ÷ one database',
    of: 'ours-mariadb-apart-one-by-one',
    to: ONE,
    metric: END_TO_END,
    least: 0.9,
  },
  { what: 'end to end one by one ÷ pg-boss', of: ONE, to: 'pg-boss-polling', metric: END_TO_END, least: 2.2 },
  {
    what: 'end to end one by one ÷ graphile-worker',
    of: ONE,
    to: 'graphile-worker',
    metric: END_TO_END,
    least: 3,
  },
  { what: 'end to end one by one ÷ BullMQ + MariaDB', of: ONE, to: 'bullmq', metric: END_TO_END, least: 1.5 },
  {
    what: 'end to end one by one ÷ RabbitMQ + MariaDB',
    of: ONE,
    to: 'rabbitmq',
    metric: END_TO_END,
    least: 1.2,
  },
  {
    what: 'consume, shared ÷ by hand, 3 round trips',
    of: SHARED,
    to: 'raw-mariadb-stacked',
    metric: CONSUME,
    least: 2.2,
  },
  {
    what: 'consume, batches ÷ by hand, 3 round trips',
    of: BATCH,
    to: 'raw-mariadb-stacked',
    metric: CONSUME,
    least: 6,
  },
  {
    what: 'end to end, shared ÷ by hand, 3 round trips',
    of: SHARED,
    to: 'raw-mariadb-stacked',
    metric: END_TO_END,
    least: 1.7,
  },
  { what: 'end to end, shared ÷ pg-boss', of: SHARED, to: 'pg-boss-polling', metric: END_TO_END, least: 4.5 },
  {
    what: 'end to end, shared ÷ graphile-worker',
    of: SHARED,
    to: 'graphile-worker',
    metric: END_TO_END,
    least: 6.5,
  },
  { what: 'end to end, shared ÷ BullMQ + MariaDB', of: SHARED, to: 'bullmq', metric: END_TO_END, least: 3 },
  {
    what: 'end to end, shared ÷ RabbitMQ + MariaDB',
    of: SHARED,
    to: 'rabbitmq',
    metric: END_TO_END,
    least: 2.5,
  },
];

/** In milliseconds, or statements a second: at most. */
const LIMITS: readonly { what: string; of: string; metric: Metric; most: number }[] = [
  { what: 'latency within a process, p50, ms', of: ONE, metric: WITHIN_P50, most: 2 },
  { what: 'latency within a process, p99, ms', of: ONE, metric: WITHIN_P99, most: 10 },
  { what: 'latency across processes, p50, ms', of: ONE, metric: ACROSS_P50, most: 6 },
  { what: 'idle statements a second', of: ONE, metric: IDLE_STATEMENTS, most: 5 },
];

export function aimRows(contestants: readonly ContestantResult[]): string[][] {
  const find = (wanted: string) => contestants.find(({ name }) => name === wanted);
  const ratios = AIMS.flatMap(({ what, of, to, metric, least }) => {
    const [mine, theirs] = [find(of), find(to)];
    const ratio = mine && theirs && ratioOf(mine, theirs, metric);
    return ratio ? [row(what, `≥ ${least}`, ratio.median, ratio.median >= least)] : [];
  });
  const limits = LIMITS.flatMap(({ what, of, metric, most }) => {
    const mine = find(of);
    const figure = mine && measured(mine, metric);
    return figure ? [row(what, `≤ ${most}`, figure.median, figure.median <= most)] : [];
  });
  return [...ratios, ...limits];
}

function row(what: string, aim: string, value: number, isMet: boolean): string[] {
  return [what, aim, value.toFixed(2), isMet ? 'met' : '**missed**'];
}
