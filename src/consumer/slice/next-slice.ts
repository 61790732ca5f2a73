import type { HeldDelivery } from '../held-delivery.js';
import { JUDGED_FROM_MS } from '../judge-age.js';

export interface SliceRequest {
  /** How many may be run together; 1: none are. */
  max: number;
  /** They are spread over so many places, so that nothing waits behind others while a place is idle; 1: as many as can. */
  freePlaces: number;
  /** What has an ordering key, or landed long ago, may be among them. */
  ofAnyKind: boolean;
}

/** Takes from the queue what is run next: one delivery, or several that are run together. */
export function nextSlice(
  queue: HeldDelivery[],
  { max, freePlaces, ofAnyKind }: SliceRequest,
): HeldDelivery[] {
  const first = queue.shift()!;
  const size = Math.min(max, Math.ceil((queue.length + 1) / freePlaces));
  if (size < 2 || !mayShare(first, ofAnyKind)) return [first];
  const slice = [first];
  const bizIds = new Set([first.bizId]);
  const stays: HeldDelivery[] = [];
  while (slice.length < size && queue.length > 0) {
    const next = queue.shift()!;
    // A repeat would meet the unfinished row of the first.
    if (mayShare(next, ofAnyKind) && !bizIds.has(next.bizId)) {
      slice.push(next);
      bizIds.add(next.bizId);
    } else {
      stays.push(next);
    }
  }
  queue.unshift(...stays);
  return slice;
}

/** Whether the queue is worth leaving alone for so long, in milliseconds, until more have come. 0: not any more, or not at all. */
export function worthWaitingMs(
  queue: readonly HeldDelivery[],
  { max, waitMs, ofAnyKind }: Omit<SliceRequest, 'freePlaces'> & { waitMs: number },
): number {
  const [first] = queue;
  if (!first || queue.length >= max || !mayShare(first, ofAnyKind)) return 0;
  return Math.max(0, waitMs - first.heldForMs);
}

/**
 * Not what may fail, and would have all others run again: what has failed or lost a lease before. Not what has to be
 * looked at by itself, unless they are of any kind: what is old, and what has an ordering key, which is kept elsewhere.
 */
function mayShare(held: HeldDelivery, ofAnyKind: boolean): boolean {
  if (held.attempt > 1) return false;
  return ofAnyKind || (held.orderingKey === undefined && held.ageMs < JUDGED_FROM_MS);
}
