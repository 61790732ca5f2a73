import { n, table } from '../../shared/table.js';
import type { Sms } from './backstage.js';
import type { Chaos } from './chaos.js';
import type { Verdict } from './checker.js';
import type { Tally } from './tally.js';

export interface Results {
  payments: number;
  /** How many of them were announced twice. */
  twice: number;
  withoutDedup: boolean;
  tally: Tally;
  chaos: Pick<Chaos, 'killed' | 'stalled'>;
  crashes: readonly string[];
  sms: Sms;
  verdict: Verdict;
}

export function report(results: Results): string {
  const { payments, twice, withoutDedup, tally, chaos, sms, verdict } = results;
  return table([
    [
      'published',
      payments + twice,
      `${n(payments)} payments, ${n(twice)} of them twice: same biz-id, another message`,
    ],
    ['landed', tally.landed, 'each in the transaction that published it'],
    ['delivered', tally.delivered, 'to two groups: card-issuing and sms'],
    ['redelivered', tally.redelivered, 'after their worker was killed or stalled'],
    [
      'duplicates absorbed',
      tally.duplicatesAbsorbed,
      withoutDedup ? 'without dedup, nobody looks' : 'their payment had its card already',
    ],
    ['cards', verdict.cards, verdict.doubled > 0 ? `${n(verdict.doubled)} too many` : 'one for each payment'],
    ['SMS sent', sms.sent, `${n(sms.repeats)} of them repeats: the price of no dedup`],
    ['workers killed', chaos.killed, 'kill -9 while issuing a card; replaced each time'],
    ['workers stalled', chaos.stalled, 'past the lease: others had taken over when it woke up'],
  ]);
}
