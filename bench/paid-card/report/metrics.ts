import type { ContestantResult, Cost, RoundFigures } from '../results.js';

/** A figure of a round; undefined: this contestant or this round has none. */
export interface Metric {
  name: string;
  title: string;
  unit: string;
  better: 'more' | 'less';
  digits: number;
  of(round: RoundFigures): number | undefined;
}

const throughput = (name: string, title: string, of: Metric['of']): Metric => ({
  ...{ name, title, unit: 'messages a second', better: 'more', digits: 0, of },
});
const milliseconds = (name: string, title: string, of: Metric['of']): Metric => ({
  ...{ name, title, unit: 'ms', better: 'less', digits: 1, of },
});

export const PUBLISH = throughput('publish', 'Publishing', ({ publish }) => publish.perSecond);
export const CONSUME = throughput(
  'consume',
  'Consuming, one process',
  ({ consume }) => consume[1]?.perSecond,
);
export const END_TO_END = throughput(
  'end-to-end',
  'End to end, publishing and consuming in one process',
  ({ endToEnd }) => endToEnd.perSecond,
);
export const WITHIN_P50 = milliseconds(
  'within-p50',
  'within a process, p50',
  ({ latency }) => latency?.within.p50,
);
export const WITHIN_P99 = milliseconds(
  'within-p99',
  'within a process, p99',
  ({ latency }) => latency?.within.p99,
);
export const ACROSS_P50 = milliseconds(
  'across-p50',
  'across processes, p50',
  ({ latency }) => latency?.across.p50,
);
export const ACROSS_P99 = milliseconds(
  'across-p99',
  'across processes, p99',
  ({ latency }) => latency?.across.p99,
);
export const IDLE_STATEMENTS: Metric = {
  name: 'idle-statements',
  title: 'statements a second',
  unit: 'statements a second',
  better: 'less',
  digits: 1,
  of: ({ idle }) => idle?.statementsPerSecond,
};
export const IDLE_CLIENT = milliseconds(
  'idle-client',
  'CPU of the process, ms a second',
  ({ idle }) => idle?.clientMs,
);
export const IDLE_SERVER = milliseconds(
  'idle-server',
  'CPU of the servers, ms a second',
  ({ idle }) => idle?.serverMs,
);

export function consumeBy(processes: number): Metric {
  return throughput(
    `consume-${processes}`,
    `${processes} ${processes === 1 ? 'process' : 'processes'}`,
    ({ consume }) => consume[processes]?.perSecond,
  );
}

const PHASES = { publish: 'publish', consume: 'consume', endToEnd: 'end to end' } as const;
type Phase = keyof typeof PHASES;

/** Microseconds a message, of all processes together. */
export function cpuOf(side: 'clients' | 'servers', phase: Phase): Metric {
  return {
    name: `cpu-${side}-${phase}`,
    title: `${PHASES[phase]}, ${side}`,
    unit: 'µs of CPU a message',
    better: 'less',
    digits: 0,
    of: (round) => costIn(round, phase)?.[side],
  };
}

export function statementsIn(phase: Phase): Metric {
  return {
    name: `statements-${phase}`,
    title: PHASES[phase],
    unit: 'statements a message',
    better: 'less',
    digits: 1,
    of: (round) => costIn(round, phase)?.statements,
  };
}

/** Consuming by one process. */
function costIn(round: RoundFigures, phase: Phase): Cost | undefined {
  return phase === 'consume' ? round.consume[1]?.cost : round[phase].cost;
}

export interface Spread {
  median: number;
  least: number;
  most: number;
}

export function spreadOf(samples: readonly number[]): Spread | undefined {
  if (samples.length === 0) return undefined;
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}

export function measured({ rounds }: ContestantResult, metric: Metric): Spread | undefined {
  return spreadOf(rounds.flatMap((round) => (round && metric.of(round)) ?? []));
}

/** Made within each round, in which both stood one after the other; the spread is of these. */
export function ratioOf(of: ContestantResult, to: ContestantResult, metric: Metric): Spread | undefined {
  return spreadOf(
    of.rounds.flatMap((round, i) => {
      const [above, below] = [round && metric.of(round), to.rounds[i] && metric.of(to.rounds[i])];
      return above === undefined || above === null || !below ? [] : [above / below];
    }),
  );
}
