import type { Findings } from './findings.js';
import type { Rows } from './rows.js';

/** For each payment and group as many dedup rows were committed as cards: they are of one transaction. */
export function checkDedups({ cards, dedups }: Pick<Rows, 'cards' | 'dedups'>): Pick<Findings, 'unbalanced'> {
  const unbalanced: string[] = [];
  for (const payment of new Set([...cards.keys(), ...dedups.keys()])) {
    const [issued, noted] = [cards.get(payment), dedups.get(payment)];
    for (const group of new Set([...(issued?.keys() ?? []), ...(noted?.keys() ?? [])])) {
      const [effects, rows] = [issued?.get(group) ?? 0, noted?.get(group) ?? 0];
      if (effects !== rows)
        unbalanced.push(`${payment}: ${effects} cards of ${group}, and ${rows} dedup rows`);
    }
  }
  return { unbalanced };
}
