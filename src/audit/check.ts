import type { Finding } from './finding.js';

/** Rows that one statement can judge. */
export interface Batch<Key> {
  /** What they have in common: a subscription, a scenario. */
  within: number | string;
  keys: readonly Key[];
}

export interface Suspicion<Key> {
  at: Key;
  finding: Finding;
}

/** One thing that holds at every moment, and how it is looked for. */
export interface Check<Key = unknown> {
  /**
   * How long what it finds may well be there in a sound database, in milliseconds: what a process that died has left is
   * swept later. Asked for after the first look.
   */
  patienceMs?: () => number;
  /** Everything, in batches. */
  batches(): AsyncIterable<Batch<Key>>;
  /** What is wrong with these rows now. It is asked again about what was suspicious: `at` says where to look. */
  judge(batch: Batch<Key>): Promise<Suspicion<Key>[]>;
}

/** Rows of one batch. */
export const BATCH = 500;

/** All that a short table has is judged at once. */
export const AS_A_WHOLE = { within: 0, keys: [0] } as const;

export function wholeTable(judge: () => Promise<Finding[]>, patienceMs?: () => number): Check<number> {
  return {
    ...(patienceMs && { patienceMs }),
    async *batches() {
      yield AS_A_WHOLE;
    },
    judge: async () => (await judge()).map((finding) => ({ at: 0, finding })),
  };
}

/** Page by page, until one is not full. */
export async function* pages<Key>(
  within: number | string,
  next: (after: Key | undefined) => Promise<Key[]>,
): AsyncGenerator<Batch<Key>> {
  let keys: Key[];
  let after: Key | undefined;
  do {
    keys = await next(after);
    after = keys.at(-1);
    if (keys.length > 0) yield { within, keys };
  } while (keys.length >= BATCH);
}
