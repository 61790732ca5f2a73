import { judgeConducts } from '../../campaigns/checker/judge-conducts.js';
import { type ConductName, conductFor } from '../../campaigns/conducts/conduct.js';
import { GROUP, ofPayment, payments, rowsWith } from './left-behind.js';

// Property: what judges hostile handlers knows for each of them how it may end, and finds it where it ended otherwise.

/** A payment that its handler treats so. */
function paymentFor(conduct: ConductName | undefined): string {
  for (let i = 1; i < 10_000; i++) {
    if (conductFor('mariadb', GROUP, `P-${i}`) === conduct) return `P-${i}`;
  }
  throw new Error(`No payment is treated so: ${conduct ?? 'well'}.`);
}

function unfounded(conduct: ConductName | undefined, cards: number, reason?: string): string[] {
  const payment = paymentFor(conduct);
  const rows = rowsWith({
    payments: payments(payment),
    cards: cards > 0 ? ofPayment(payment, cards) : new Map(),
    deaths: reason === undefined ? [] : [{ seq: 1, payment, group: GROUP, reason }],
  });
  return judgeConducts(rows, { engine: 'mariadb', groups: [GROUP] }).found.unfounded;
}

it.each([
  ['mariadb', true],
  ['sqlite', false],
  ['postgres', false],
] as const)('on %s it is to be seen that a handler is torn: %s', (engine, isSo) => {
  const { judged } = judgeConducts(rowsWith(), { engine, groups: [GROUP] });
  expect(judged.has('torn')).toBe(isSo);
  expect([...judged.keys()]).toEqual(expect.arrayContaining(['well-behaved', 'once', 'failed', 'rejected']));
});

describe('a handler that', () => {
  it.each<[string, ConductName | undefined, number, string | undefined]>([
    ['behaves ends with a card', undefined, 1, undefined],
    ['commits and finishes ends with a card', 'commits and finishes', 1, undefined],
    ['commits and throws is torn, with what it had committed', 'commits and throws', 1, 'torn'],
    ['throws ends as a dead letter', 'throws after its effect', 0, 'failed'],
    ['rejects ends as one at once', 'rejects after its effect', 0, 'rejected'],
  ])('%s', (_, conduct, cards, reason) => {
    expect(unfounded(conduct, cards, reason)).toEqual([]);
  });

  it.each<[string, ConductName | undefined, number, string | undefined]>([
    ['behaves is no dead letter', undefined, 0, 'failed'],
    ['commits and throws is not taken for one that failed', 'commits and throws', 1, 'failed'],
    ['commits and throws is not taken for done', 'commits and throws', 1, undefined],
    ['throws has no card', 'throws after its effect', 1, 'failed'],
    ['throws is not torn', 'throws after its effect', 0, 'torn'],
  ])('%s', (_, conduct, cards, reason) => {
    expect(unfounded(conduct, cards, reason)).not.toEqual([]);
  });
});
