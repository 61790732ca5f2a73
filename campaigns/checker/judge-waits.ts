import { inOrderOfKeys } from './order.js';
import type { Waits } from './waits.js';

/** What took longest, in milliseconds. */
export type Longest = Map<string, number>;

/** How long anything may take beside the leases, in milliseconds: locks of the dead, requests that are sent again, a busy machine. */
export const ALLOWANCE_MS = 6_000;

/**
 * A kill costs a lease at most: from its landing to its effect a message takes no longer than a lease for each kill
 * meanwhile, and what anything may take. One with an ordering key waits for those before it first, so it counts from
 * their effects on.
 */
export function judgeWaits(
  { waits, kills }: Waits,
  { leaseMs }: { leaseMs: number },
): { late: string[]; longest: Longest } {
  const late: string[] = [];
  const longest: Longest = new Map([
    ['payment to landing', 0],
    ['landing to effect', 0],
    ['behind its key', 0],
    ['with a kill meanwhile', 0],
    ['without', 0],
    ['a lease', leaseMs],
  ]);
  const note = (what: string, us: number) =>
    void longest.set(what, Math.max(longest.get(what)!, Math.round(us / 1_000)));
  const former = formerEffects(waits);
  for (const { payment, paidAt, landedAt, issued } of waits) {
    note('payment to landing', landedAt - paidAt);
    for (const { group, at } of issued) {
      const since = Math.max(landedAt, former.get(keyOf(payment, group)) ?? 0);
      const waited = at - since;
      const meanwhile = kills.filter((kill) => since <= kill && kill <= at).length;
      note('landing to effect', at - landedAt);
      note('behind its key', since - landedAt);
      if (meanwhile <= 1) note(meanwhile === 1 ? 'with a kill meanwhile' : 'without', waited);
      if (waited <= 1_000 * (meanwhile * leaseMs + ALLOWANCE_MS)) continue;
      const ms = Math.round(waited / 1_000);
      late.push(`${payment}: its card of ${group} came after ${ms} ms, with ${meanwhile} kills meanwhile`);
    }
  }
  return { late, longest };
}

/** For each payment and group when the last card was issued of those before it under its key. */
function formerEffects(waits: Waits['waits']): Map<string, number> {
  const cards = new Map(
    waits.flatMap(({ payment, issued }) => issued.map(({ group, at }) => [keyOf(payment, group), at])),
  );
  const groups = new Set(waits.flatMap(({ issued }) => issued.map(({ group }) => group)));
  const former = new Map<string, number>();
  for (const group of groups) {
    for (const ids of inOrderOfKeys(waits.map(({ payment }) => payment))) {
      let last = 0;
      for (const id of ids) {
        former.set(keyOf(id, group), last);
        last = Math.max(last, cards.get(keyOf(id, group)) ?? 0);
      }
    }
  }
  return former;
}

function keyOf(payment: string, group: string): string {
  return `${group} ${payment}`;
}
