import { check } from '../../campaigns/checker/check.js';
import { checkDedups } from '../../campaigns/checker/check-dedups.js';
import { type Findings, noFindings } from '../../campaigns/checker/findings.js';
import type { Publish } from '../../campaigns/checker/histories.js';
import type { Rows } from '../../campaigns/checker/rows.js';
import { GROUP, historiesWith, ofPayment, payments, publish, rowsWith } from './left-behind.js';

// Property: the checker finds each way in which a payment and its effects can disagree with what was said of it, and
// nothing in a run that is right.

function find(
  publishes: Record<string, Publish>,
  rows: Partial<Rows>,
  options: Partial<Parameters<typeof check>[2]> = {},
): Partial<Findings> {
  const histories = historiesWith({ publishes: new Map(Object.entries(publishes)) });
  const found = check(histories, rowsWith(rows), { groups: [GROUP], isThrough: true, ...options });
  return Object.fromEntries(Object.entries(found).filter(([, ids]: [string, string[]]) => ids.length > 0));
}

const done: Partial<Rows> = { payments: payments('P-1'), cards: ofPayment('P-1', 1) };

describe('the checker finds nothing', () => {
  it.each<[string, Record<string, Publish>, Partial<Rows>]>([
    ['where a payment was acknowledged and has its card', { 'P-1': publish() }, done],
    ['where an unknown one is there with its card', { 'P-1': publish('unknown') }, done],
    ['where neither is', { 'P-1': publish('unknown') }, {}],
    ['where a failed one is not there', { 'P-1': publish('failed') }, {}],
  ])('%s', (_, publishes, rows) => {
    expect(find(publishes, rows)).toEqual({});
  });
});

describe('the checker finds', () => {
  it.each<[string, Record<string, Publish>, Partial<Rows>, Partial<Findings>]>([
    [
      'an acknowledged payment that is gone',
      { 'P-1': publish() },
      {},
      { lost: ['P-1: acknowledged, and the payment is gone'] },
    ],
    [
      'a payment without its card',
      { 'P-1': publish('unknown') },
      { payments: payments('P-1') },
      { lost: [`P-1: no card of ${GROUP} (unknown)`] },
    ],
    [
      'a second card',
      { 'P-1': publish() },
      { ...done, cards: ofPayment('P-1', 2) },
      { doubled: [`P-1: 2 cards of ${GROUP}`] },
    ],
    [
      'a failed payment that is there',
      { 'P-1': publish('failed') },
      done,
      { unfounded: ['P-1: failed, and the payment is there'] },
    ],
    [
      'a card without its payment',
      { 'P-1': publish('unknown') },
      { cards: ofPayment('P-1', 1) },
      { unfounded: [`P-1: 1 cards of ${GROUP} without a payment`] },
    ],
    ['a payment that nobody attempted', {}, done, { unfounded: ['P-1: nobody has attempted to publish it'] }],
    [
      'a card of a group that there is not',
      { 'P-1': publish() },
      {
        ...done,
        cards: new Map([
          [
            'P-1',
            new Map([
              [GROUP, 1],
              ['others', 1],
            ]),
          ],
        ]),
      },
      { unfounded: ['P-1: a card of others, whoever that is'] },
    ],
    [
      'cards in the wrong order',
      { 'a/0-1': publish(), 'a/0-2': publish() },
      {
        payments: payments('a/0-1', 'a/0-2'),
        cards: new Map([...ofPayment('a/0-1', 1), ...ofPayment('a/0-2', 1)]),
        issued: ['a/0-2', 'a/0-1'].map((payment) => ({ payment, group: GROUP })),
      },
      { disordered: [`a/0-2: a card of ${GROUP} before that of a/0-1`] },
    ],
    [
      'rows of which nobody knows whose they are',
      {},
      { orphans: ['P-1: dead as failed in subscription 3, which is not there'] },
      { unfounded: ['P-1: dead as failed in subscription 3, which is not there'] },
    ],
    ['dead letters', {}, { deadLetters: 2 }, { left: ['2 dead letters'] }],
    ['what is in quarantine', {}, { quarantined: 1 }, { left: ['1 messages in quarantine'] }],
  ])('%s', (_, publishes, rows, found) => {
    expect(find(publishes, rows)).toEqual(found);
  });

  it('no loss of what may still come, and says what that would be', () => {
    expect(find({ 'P-1': publish() }, { payments: payments('P-1') }, { isThrough: false })).toEqual({
      maybeLost: [`P-1: no card of ${GROUP} (acknowledged)`],
    });
  });

  it('no loss where a dead letter stands in place of the card', () => {
    const mayMiss = (payment: string, group: string) => payment === 'P-1' && group === GROUP;
    const paid = { payments: payments('P-1', 'P-2') };
    expect(find({ 'P-1': publish(), 'P-2': publish() }, paid, { mayMiss })).toEqual({
      lost: [`P-2: no card of ${GROUP} (acknowledged)`],
    });
  });
});

describe('dedup rows and cards', () => {
  it.each<[string, cards: number, dedups: number, found: string[]]>([
    ['are as many', 1, 1, []],
    ['of what had its effect again when it was forgotten are, too', 2, 2, []],
    ['differ where a card has no row', 1, 0, [`P-1: 1 cards of ${GROUP}, and 0 dedup rows`]],
    ['differ where a row has no card', 0, 1, [`P-1: 0 cards of ${GROUP}, and 1 dedup rows`]],
  ])('%s', (_, cards, dedups, found) => {
    const rows = {
      cards: cards > 0 ? ofPayment('P-1', cards) : new Map(),
      dedups: dedups > 0 ? ofPayment('P-1', dedups) : new Map(),
    };
    expect(checkDedups(rows)).toEqual({ unbalanced: found });
  });

  it('differ where one too many here and one too few there are as many', () => {
    const cards = new Map([...ofPayment('P-1', 1), ...ofPayment('P-2', 1)]);
    expect(checkDedups({ cards, dedups: ofPayment('P-1', 2) }).unbalanced).toHaveLength(2);
  });
});

it('without a finding there is a list for each kind', () => {
  expect(Object.values(noFindings()).flat()).toEqual([]);
});
