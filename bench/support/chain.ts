import { setTimeout as pause } from 'node:timers/promises';
import { GuardedScope } from '../../src/transaction/index.js';
import { type Shop, pay, payMany } from './shop.js';

/** What messages take from the sender's COMMIT to the effect and the ACK, while they come one by one, and all at once. */

export const A_SECOND = 50;

/** How long each took from its COMMIT to that of its effect, and to its ACK, in milliseconds. */
export interface Took {
  effect: number[];
  ack: number[];
}

export async function arriveOneByOne(shop: Shop, name: string, count: number): Promise<Took> {
  const committed = new Map<string, number>();
  const took: Took = { effect: [], ack: [] };
  const since = (bizId: string) => performance.now() - committed.get(bizId)!;
  const stopListening = onEffect((bizId) => took.effect.push(since(bizId)));
  const all = acknowledged(shop, count, (bizId) => took.ack.push(since(bizId)));
  for (let i = 0; i < count; i++) {
    const next = pause(1_000 / A_SECOND);
    const bizId = `${name}-${i}`;
    // Its bell may ring before the promise of the transaction has resolved.
    committed.set(bizId, performance.now());
    await pay(shop, bizId);
    committed.set(bizId, performance.now());
    await next;
  }
  await all;
  stopListening();
  return took;
}

/** No event tells of the COMMIT alone: where the broker is elsewhere, the ACK follows it. */
function onEffect(listener: (bizId: string) => void): () => void {
  const prototype: { commit: (this: GuardedScope) => Promise<void> } = GuardedScope.prototype;
  const { commit } = prototype;
  prototype.commit = async function (): Promise<void> {
    await commit.call(this);
    const [, bizId] = / for (\S+)$/.exec(this.name) ?? [];
    if (bizId !== undefined) listener(bizId);
  };
  return () => {
    prototype.commit = commit;
  };
}

/** @returns messages a second, from the first COMMIT to the last ACK */
export async function arriveAtOnce(shop: Shop, count: number): Promise<number> {
  const bizIds = Array.from({ length: count }, (_, i) => `T-${i}`);
  const began = performance.now();
  const all = acknowledged(shop, count);
  await payMany(shop, bizIds);
  await all;
  return (1_000 * count) / (performance.now() - began);
}

function acknowledged(
  { events }: Shop,
  count: number,
  each: (bizId: string) => void = () => undefined,
): Promise<void> {
  let seen = 0;
  return new Promise((resolve) => {
    const subscription = events.events$.subscribe((event) => {
      if (event.type !== 'acknowledged') return;
      each(event.bizId);
      if (++seen < count) return;
      subscription.unsubscribe();
      resolve();
    });
  });
}

/** @throws Error when an effect was lost or doubled: such a round measures nothing */
export async function checkCards({ dataSource }: Shop, expected: number): Promise<void> {
  const [row] = await dataSource.query<{ cards: number | string; different: number | string }[]>(
    'SELECT COUNT(*) AS cards, COUNT(DISTINCT payment_id) AS different FROM card',
  );
  if (Number(row!.cards) === expected && Number(row!.different) === expected) return;
  throw new Error(
    `This run is void: there are ${row!.cards} cards of ${row!.different} payments, and there were ${expected}.`,
  );
}
