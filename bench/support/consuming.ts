import { GROUP, type Shop, payMany } from './shop.js';

/**
 * Payments that wait for a group that is paused, consumed at once.
 *
 * @param beforeConsuming with the payments published, and nobody consuming
 * @returns how many there were a second, from the first to the last
 */
export async function consumeAtOnce(
  shop: Shop,
  paymentIds: readonly string[],
  beforeConsuming: () => Promise<void> = async () => undefined,
): Promise<number> {
  await shop.broker.groups.pause({ group: GROUP });
  await payMany(shop, paymentIds);
  await beforeConsuming();
  const done = new Promise<number>((resolve) => {
    let began = 0;
    let acknowledged = 0;
    const listening = shop.events.events$.subscribe(({ type }) => {
      if (type === 'delivered') began ||= performance.now();
      if (type !== 'acknowledged' || ++acknowledged < paymentIds.length) return;
      listening.unsubscribe();
      resolve((1_000 * paymentIds.length) / (performance.now() - began));
    });
  });
  await shop.broker.groups.resume({ group: GROUP });
  return done;
}
