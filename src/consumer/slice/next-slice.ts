import type { HeldDelivery } from '../held-delivery.js';
import { JUDGED_FROM_MS } from '../judge-age.js';

/**
 * Takes from the queue what is run next: one delivery, or several that share a transaction. They are spread over the
 * places that are free, so that nothing waits behind others while a place is idle.
 *
 * @param max how many may share a transaction; 1: none do
 */
export function nextSlice(
  queue: HeldDelivery[],
  { max, freePlaces }: { max: number; freePlaces: number },
): HeldDelivery[] {
  const first = queue.shift()!;
  const size = Math.min(max, Math.ceil((queue.length + 1) / freePlaces));
  if (size < 2 || !mayShare(first)) return [first];
  const slice = [first];
  const bizIds = new Set([first.bizId]);
  const stays: HeldDelivery[] = [];
  while (slice.length < size && queue.length > 0) {
    const next = queue.shift()!;
    // A repeat would meet the unfinished row of the first.
    if (mayShare(next) && !bizIds.has(next.bizId)) {
      slice.push(next);
      bizIds.add(next.bizId);
    } else {
      stays.push(next);
    }
  }
  queue.unshift(...stays);
  return slice;
}

/**
 * Not what may fail, and would have all others run again: what has failed or lost a lease before. Not what has to be
 * looked at by itself: what is old, and what has an ordering key, which is kept elsewhere.
 */
function mayShare(held: HeldDelivery): boolean {
  return held.attempt === 1 && held.orderingKey === undefined && held.ageMs < JUDGED_FROM_MS;
}
