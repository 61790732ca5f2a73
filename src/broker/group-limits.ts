import { InvalidOptionError } from '../errors/index.js';

/** What a group is held to, all its topics and all processes together; null where it isn't. */
export interface GroupLimits {
  /** Deliveries that are handled at the same time, from 1 to 10000. */
  concurrency: number | null;
  /**
   * Deliveries that are handed out per second on average, from above 0 to 1000000; 0.5 is one every two seconds. No more
   * than one second's worth, and one at least, are handed out at once.
   */
  perSecond: number | null;
}

const MAX_CONCURRENCY = 10_000;
const MAX_PER_SECOND = 1_000_000;

const RULES: Record<keyof GroupLimits, { expected: string; isMet: (value: number) => boolean }> = {
  concurrency: {
    expected: `a whole number from 1 to ${MAX_CONCURRENCY}, or null for no limit`,
    isMet: (value) => Number.isSafeInteger(value) && value >= 1 && value <= MAX_CONCURRENCY,
  },
  perSecond: {
    expected: `a number above 0 and up to ${MAX_PER_SECOND}, or null for no limit`,
    isMet: (value) => value > 0 && value <= MAX_PER_SECOND,
  },
};

/** @throws InvalidOptionError for a topic: a limit is of all topics of the group */
export function resolveGroup(call: string, which: { group: string }): string {
  const { group, ...more } = which ?? {};
  const [unknown] = Object.entries(more);
  if (unknown) {
    throw new InvalidOptionError(
      `${call}({ ${unknown[0]} })`,
      unknown[1],
      'left out: a limit is of the group, all its topics together',
    );
  }
  return group;
}

/** What was given of them. @throws InvalidOptionError naming the limit and what came */
export function resolveLimits(call: string, limits: Partial<GroupLimits>): Partial<GroupLimits> {
  const given = Object.entries(limits ?? {}).filter(([, value]) => value !== undefined);
  const known = Object.keys(RULES).join(', ');
  if (given.length === 0) {
    throw new InvalidOptionError(`${call}(group, limits)`, limits, `limits with one at least of ${known}`);
  }
  for (const [key, value] of given) {
    const option = `${call}(group, { ${key} })`;
    const rule = Object.hasOwn(RULES, key) ? RULES[key as keyof GroupLimits] : undefined;
    if (!rule) throw new InvalidOptionError(option, value, `left out: it is no limit. Known are ${known}`);
    const isMet = value === null || (typeof value === 'number' && rule.isMet(value));
    if (!isMet) throw new InvalidOptionError(option, value, rule.expected);
  }
  return Object.fromEntries(given);
}
