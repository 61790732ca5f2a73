import { HeldDelivery } from '../../src/consumer/held-delivery.js';
import { nextSlice, worthWaitingMs } from '../../src/consumer/slice/next-slice.js';
import type { ClaimedDelivery } from '../../src/transport/port.js';

const HALF_AN_HOUR_MS = 30 * 60 * 1000;

const held = (bizId: string, more: Partial<ClaimedDelivery> = {}) =>
  new HeldDelivery({
    bizId: Buffer.from(bizId),
    failures: 0,
    lostLeases: 0,
    ageMs: 0,
    ...more,
  } as ClaimedDelivery);
const ids = (slice: readonly HeldDelivery[]) => slice.map(({ bizId }) => bizId).join(' ');
const next = (queue: HeldDelivery[], max = 10, freePlaces = 1, ofAnyKind = false) =>
  ids(nextSlice(queue, { max, freePlaces, ofAnyKind }));

describe('what is taken from the queue', () => {
  it('is one delivery where none share a transaction', () => {
    const queue = [held('a'), held('b')];
    expect([next(queue, 1), ids(queue)]).toEqual(['a', 'b']);
  });

  it('is as many as may share one, in their order', () => {
    const queue = [held('a'), held('b'), held('c')];
    expect([next(queue, 2), next(queue, 2)]).toEqual(['a b', 'c']);
  });

  it('is spread over the places that are free', () => {
    const queue = ['a', 'b', 'c', 'd', 'e'].map((id) => held(id));
    expect([next(queue, 10, 3), next(queue, 10, 2), next(queue, 10, 1)]).toEqual(['a b', 'c d', 'e']);
  });

  it('has no biz-id twice', () => {
    const queue = [held('a'), held('a'), held('b')];
    expect([next(queue), next(queue)]).toEqual(['a b', 'a']);
  });

  it.each<[string, Partial<ClaimedDelivery>]>([
    ['has failed before', { failures: 1 }],
    ['has lost a lease before', { lostLeases: 1 }],
    ['has an ordering key', { orderingKey: Buffer.from('k') }],
    ['landed half an hour ago', { ageMs: HALF_AN_HOUR_MS }],
  ])('is alone where it %s, and no other waits behind it', (_, one) => {
    const between = [held('a'), held('x', one), held('b')];
    expect([next(between), next(between)]).toEqual(['a b', 'x']);
    const first = [held('x', one), held('a'), held('b')];
    expect([next(first), next(first)]).toEqual(['x', 'a b']);
  });

  it('has in a batch also what has an ordering key and what landed long ago, but not what has failed before', () => {
    const queue = [
      held('a', { orderingKey: Buffer.from('k') }),
      held('b', { failures: 1 }),
      held('c', { ageMs: HALF_AN_HOUR_MS }),
    ];
    expect([next(queue, 10, 1, true), next(queue, 10, 1, true)]).toEqual(['a c', 'b']);
  });
});

describe('a queue', () => {
  const waits = (queue: HeldDelivery[], waitMs = 60_000) =>
    worthWaitingMs(queue, { max: 2, waitMs, ofAnyKind: true });

  it('waits for more from the claim of its first on, as long as it is told', () => {
    const ms = waits([held('a')]);
    expect(ms).toBeGreaterThan(50_000);
    expect(ms).toBeLessThan(60_000);
    expect(waits([held('a')], 0)).toBe(0);
  });

  it('waits for nothing where it has as many as go together, none, or a first that goes alone', () => {
    expect([waits([held('a'), held('b')]), waits([]), waits([held('a', { failures: 1 })])]).toEqual([
      0, 0, 0,
    ]);
  });
});
