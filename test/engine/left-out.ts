/**
 * What of the suite `test/consumer` is left out where an engine has the broker's place (MQ_TEST_SHAPE=rabbitmq or jetstream),
 * and why. Everything else of it has to pass as it is.
 */
const REASONS = {
  /** It looks into the tables of a broker, or changes them: a lease, when a message landed, what has come so far. */
  tables: 'it reaches into the tables of a broker, and an engine has none',
  /** A broker hands out what has landed; of an engine one message comes after the other, so a batch may begin with a part. */
  together: 'which deliveries are handed out together is not said of an engine',
} as const;

const LEFT_OUT: Record<string, Partial<Record<keyof typeof REASONS, readonly string[]>>> = {
  'at-least-once-batches': {
    tables: ['of which one has lost its lease does not run that one again, which somebody else has then'],
    together: [
      'comes as an array, with no biz-id twice, and is acknowledged as a whole',
      'ends for single ones as the handler says',
      'that fails is run again in halves, until the one that fails is alone',
      'that hangs is run again in halves: the one that hangs has failed',
      'of which some were acknowledged when it failed is run again without those',
    ],
  },
  'batches-in-order': {
    tables: [
      'have the first of many lines, and what has no key',
      'hold up a line whose first has failed, and no other',
      'hold up a line whose first is wanted later, and no other',
      'are acknowledged as a whole where nothing is deduplicated',
    ],
  },
  batches: {
    tables: [
      'has also what landed long ago',
      'has nothing that landed so long ago that its dedup row may be gone',
      'that is still waited for is given back at a shutdown, and costs nobody an attempt',
    ],
    together: [
      'comes as an array, in one transaction',
      'has no biz-id twice, and none that took effect before',
      'has no more than max',
      'that fails as a whole costs each an attempt',
      'that fails is run again in halves, until the one that fails is alone: that one alone has failed',
      'that takes too long is run again in halves, each with the whole time: the one that hangs has failed',
      'of which one is rejected leaves nothing of it, and is run again without it',
      'of which one is wanted later costs it no attempt',
      'of which all are wanted later is not run again for that',
      'of which some fail, each caught by itself, keeps nothing of those',
    ],
  },
  'biz-id-conflict': {
    tables: ['is no conflict where it is the very same message again, whatever its row says'],
  },
  'idle-worker': {
    tables: ['goes back to the start once a second, and asks for what is new in between'],
  },
  'in-order': {
    tables: [
      'are handled one at a time and in order by four processes, through failures and retries',
      'go on when a head has expired',
      'wait for a head whose process stalled, which runs alone first',
    ],
  },
  'shared-transactions': {
    together: [
      'are handled one after the other, each once',
      // They count the calls of one that shares its transaction with another one; now and then it had one of its own.
      'are run alone where one fails, which costs that one an attempt and the others nothing',
      'are run alone where one fails again: it is tried later, and has a transaction of its own',
      'take no statement of one that has returned while the next one is handled',
      'leave repeats to themselves: of what took effect before, and of one another',
    ],
  },
};

/** @returns why this test is left out; undefined: it is not */
export function whyLeftOut(file: string, test: string): string | undefined {
  const of = LEFT_OUT[/([\w-]+)\.\w+\.spec\.ts$/.exec(file)?.[1] ?? ''] ?? {};
  const reason = (Object.keys(of) as (keyof typeof REASONS)[]).find((name) => of[name]!.includes(test));
  return reason && REASONS[reason];
}
