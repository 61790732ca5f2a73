export interface Size {
  /** Timed in each phase, after a warm-up that is not. */
  messages: number;
  warmUp: number;
  rounds: number;
  /** Rounds in which latency and idle cost are measured too: they take long, and hardly move. */
  calmRounds: number;
  /** Consumer processes. */
  processes: number[];
  latency: { warmUp: number; count: number; perSecond: number };
  /** What comes before it is not measured: pools close what they don't need, polls slow down. */
  idle: { settleMs: number; ms: number };
  /** Payments, and messages, under way at once in a process. */
  concurrency: number;
}

export const SIZES = {
  /** Whether the bench itself works: its figures mean nothing. */
  small: {
    messages: 100,
    warmUp: 50,
    rounds: 1,
    calmRounds: 1,
    processes: [1],
    latency: { warmUp: 5, count: 20, perSecond: 50 },
    idle: { settleMs: 200, ms: 500 },
    concurrency: 20,
  },
  /** Throughput alone: to try out settings. */
  quick: {
    messages: 2_000,
    warmUp: 500,
    rounds: 3,
    calmRounds: 0,
    processes: [1],
    latency: { warmUp: 0, count: 1, perSecond: 50 },
    idle: { settleMs: 0, ms: 0 },
    concurrency: 20,
  },
  full: {
    messages: 5_000,
    warmUp: 1_000,
    rounds: 5,
    calmRounds: 3,
    processes: [1, 2, 4],
    latency: { warmUp: 50, count: 500, perSecond: 50 },
    idle: { settleMs: 5_000, ms: 10_000 },
    concurrency: 20,
  },
} satisfies Record<string, Size>;

export type SizeName = keyof typeof SIZES;
