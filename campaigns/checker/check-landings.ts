import type { Findings } from './findings.js';
import type { Histories } from './histories.js';
import type { Landing, Rows } from './rows.js';
import { paymentOf } from './tellings.js';

type FoundHere = Pick<Findings, 'lost' | 'maybeLost' | 'landedTwice' | 'unfounded'>;

/**
 * Each message that was published has landed, and once; no other has. A copy that an operator released from quarantine may
 * have landed beside the one that it is a copy of.
 */
export function checkLandings(
  { publishes, releases }: Pick<Histories, 'publishes' | 'releases'>,
  { payments, landings, released }: Pick<Rows, 'payments' | 'landings' | 'released'>,
  { isThrough }: { isThrough: boolean },
): FoundHere {
  const found: FoundHere = { lost: [], maybeLost: [], landedTwice: [], unfounded: [] };
  const landed = groupBy(landings, nameOf);
  const published = new Set<string>();
  for (const [telling, { copies }] of publishes) {
    if (!payments.has(telling)) continue;
    for (let copy = 0; copy < copies; copy++) {
      const message = nameOf({ payment: paymentOf(telling), telling, copy });
      published.add(message);
      if (!landed.has(message)) found[isThrough ? 'lost' : 'maybeLost'].push(`${message}: it never landed`);
    }
  }
  const releasedIds = groupBy(released, ({ innerMsgId }) => innerMsgId);
  for (const [message, copies] of landed) {
    if (!published.has(message))
      found.unfounded.push(`${message}: it landed ${copies.length} times, and nobody had published it`);
    const ids = new Set(copies.map(({ innerMsgId }) => innerMsgId));
    const allowed = 1 + sum([...ids].map((id) => releasedIds.get(id)?.length ?? 0));
    if (copies.length > allowed)
      found.landedTwice.push(`${message}: it landed ${copies.length} times instead of ${allowed}`);
  }
  for (const [id, sharing] of groupBy(landings, ({ innerMsgId }) => innerMsgId)) {
    const messages = [...new Set(sharing.map(nameOf))];
    if (messages.length > 1) found.unfounded.push(`${messages.join(', ')}: all of them landed as ${id}`);
  }
  for (const [payment, copies] of groupBy(released, (copy) => copy.payment)) {
    if (copies.length > (releases.get(payment) ?? 0))
      found.unfounded.push(`${payment}: ${copies.length} copies were released, and not by an operator`);
  }
  return found;
}

function nameOf({ payment, telling, copy }: Pick<Landing, 'payment' | 'telling' | 'copy'>): string {
  const name = `${telling}#${copy}`;
  return paymentOf(telling) === payment ? name : `${name}, under biz-id ${payment}`;
}

function groupBy<T>(all: readonly T[], by: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const known = groups.get(by(one));
    if (known) known.push(one);
    else groups.set(by(one), [one]);
  }
  return groups;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
