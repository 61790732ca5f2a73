import { conductFor, conductsOn, endsOf } from '../conducts/conduct.js';
import type { Engine } from '../databases/create.js';
import type { Findings } from './findings.js';
import type { Judged } from './judge-order.js';
import type { Rows } from './rows.js';

/**
 * Whether each payment has ended in each group as the conduct of its handler may end: with one card, or as a dead letter for
 * the right reason, and then without a card, unless that reason is that one may be there.
 */
export function judgeConducts(
  { payments, cards, deaths }: Rows,
  { engine, groups }: { engine: Engine; groups: readonly string[] },
): { found: Pick<Findings, 'unfounded'>; judged: Judged } {
  const found: Pick<Findings, 'unfounded'> = { unfounded: [] };
  const kinds = ['well-behaved', ...new Set(conductsOn(engine).flatMap(endsOf))];
  const judged: Judged = new Map(kinds.map((kind) => [kind, 0]));
  const count = (kind: string) => void judged.set(kind, (judged.get(kind) ?? 0) + 1);
  const reasonsOf = reasonsByPlace(deaths);
  for (const payment of payments.keys()) {
    for (const group of groups) {
      const conduct = conductFor(engine, group, payment);
      const ends = endsOf(conduct);
      const reasons = reasonsOf.get(placeOf(payment, group)) ?? [];
      const issued = cards.get(payment)?.get(group) ?? 0;
      const wrong = reasons.find((reason) => !ends.some((end) => end === reason));
      const about = `${payment}: in ${group}, where its handler ${conduct ?? 'behaves'}`;
      if (wrong !== undefined) found.unfounded.push(`${about}, it is dead as ${wrong}`);
      const mayHaveCard = ends.includes('once') || ends.includes('torn');
      if (issued > 0 && !mayHaveCard) found.unfounded.push(`${about}, it has ${issued} cards`);
      if (issued > 0 && reasons.length === 0 && !ends.includes('once'))
        found.unfounded.push(`${about}, it is no dead letter`);
      count(conduct === undefined ? 'well-behaved' : (reasons[0] ?? 'once'));
    }
  }
  return { found, judged };
}

/** What has a dead letter need not have a card. */
export function placesOfDeaths(deaths: Rows['deaths']): ReadonlySet<string> {
  return new Set(reasonsByPlace(deaths).keys());
}

export function placeOf(payment: string, group: string): string {
  return `${group} ${payment}`;
}

function reasonsByPlace(deaths: Rows['deaths']): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  for (const { payment, group, reason } of deaths) {
    const place = placeOf(payment, group);
    reasons.set(place, [...(reasons.get(place) ?? []), reason]);
  }
  return reasons;
}
