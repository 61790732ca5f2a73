import { paint } from '../../shared/paint.js';
import { type Row, n, table } from '../../shared/table.js';
import { notMadeWith } from './engine-faults-of.js';
import { faultsOf } from './faults.js';
import type { Results } from './results.js';
import type { Story } from './timeline.js';

export function report(results: Results): string {
  const { apart, story, tally, published, landed, verdict, sms, withoutDedup, payments, engine } = results;
  const travelsTwice = engine !== undefined && !engine.absorbsResends;
  const upper: Row[] = [
    ['published', published, `for ${n(payments)} payments`],
    ...(apart
      ? ([
          ['sent again', tally.resent, 'their ACK 3 did not come, or their relay died first'],
          [
            'landed',
            landed,
            tally.landedTwice > 0 ? `and ${n(tally.landedTwice)} times once more` : 'once each',
          ],
          travelsTwice
            ? [
                'travelled twice',
                tally.landedTwice,
                'their ACK 3 was lost, and the same was stored once more',
              ]
            : ['repeats absorbed', tally.resendsAbsorbed, 'the broker knew their inner-msg-id'],
        ] satisfies Row[])
      : ([['landed', landed, 'each in the transaction that published it']] satisfies Row[])),
  ];
  const lower: Row[] = [
    ['delivered', tally.delivered, 'begun by a worker of one of two groups: card-issuing and sms'],
    [
      'delivered again',
      tally.redelivered,
      `their ACK 5 did not come, ${travelsTwice ? 'they travelled twice, ' : ''}or their worker died first`,
    ],
    [
      'duplicates absorbed',
      tally.duplicatesAbsorbed,
      withoutDedup ? 'without dedup, nobody looks' : 'their biz-id had its card already',
    ],
    ['cards', verdict.cards, verdict.doubled > 0 ? `${n(verdict.doubled)} too many` : 'one for each payment'],
    ['SMS sent', sms.sent, `${n(sms.repeats)} of them repeats: the price of no dedup`],
  ];
  return [
    ...(story ? [tell(story)] : []),
    section('Upper half: from the payment to the broker', upper),
    section('Lower half: from the broker to the card', lower),
    section(
      'Faults',
      faultsOf(results).map(({ row }) => row),
    ),
    ...[
      notMadeWith(results)
        .map((line) => `  ${line}`)
        .join('\n'),
    ].filter(Boolean),
  ].join('\n\n');
}

function section(title: string, rows: readonly Row[]): string {
  return `${heading(title)}\n${table(rows)}`;
}

function tell({ paymentId, innerMsgId, cards, lines }: Story & { cards: number }): string {
  const times = lines.map(({ afterMs }) => `${(afterMs / 1000).toFixed(3)} s`);
  return [
    heading(`${paymentId} lost both ACKs (inner-msg-id ${innerMsgId})`),
    ...lines.map(({ step, text }, i) => `  ${times[i]!.padStart(9)}  ${step.padEnd(1)}  ${text}`),
    `${' '.repeat(16)}${cards === 1 ? 'One card.' : `${cards} cards.`}`,
  ].join('\n');
}

function heading(text: string): string {
  return `  ${paint('bold', text)}`;
}
