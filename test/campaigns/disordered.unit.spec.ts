import type { Publish } from '../../campaigns/checker/histories.js';
import { findDisordered } from '../../campaigns/checker/order.js';

// Property: under one ordering key no card comes before that of a payment that had been acknowledged before; but what has
// been a dead letter may be overtaken.

const GROUP = 'wallet';
const acknowledged: Publish = { copies: 1, outcome: 'acknowledged', beganAt: 0, acknowledgedAt: 1 };
const unknown: Publish = { ...acknowledged, outcome: 'unknown', acknowledgedAt: Infinity };
const id = (number: number) => `publisher-1.1/0-${number}`;

function disordered(publishes: readonly Publish[], cards: readonly number[], dead: readonly number[] = []) {
  return findDisordered(
    new Map(publishes.map((publish, i) => [id(i + 1), publish])),
    {
      issued: cards.map((number) => ({ payment: id(number), group: GROUP })),
      deaths: dead.map((number) => ({ seq: number, payment: id(number), group: GROUP, reason: 'rejected' })),
    },
    GROUP,
  );
}

describe('the order of a key', () => {
  it('is that of acknowledged publishes', () => {
    expect(disordered([acknowledged, acknowledged, acknowledged], [1, 2, 3])).toEqual([]);
    expect(disordered([acknowledged, acknowledged, acknowledged], [1, 3, 2])).toEqual([
      `${id(3)}: a card of ${GROUP} before that of ${id(2)}`,
    ]);
  });

  it('says nothing of one whose outcome nobody knows', () => {
    expect(disordered([unknown, acknowledged], [2, 1])).toEqual([]);
  });

  it('lets a dead letter be overtaken, which overtakes nothing itself', () => {
    expect(disordered([acknowledged, acknowledged], [2, 1], [1])).toEqual([]);
    expect(disordered([acknowledged, acknowledged], [2, 1], [2])).toHaveLength(1);
  });
});
