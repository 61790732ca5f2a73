import type { Seeded } from './seeded.js';

/** Which of so many turns: one in ten, and one at least. */
export function oneInTen(turns: number, chance: Seeded): ReadonlySet<number> {
  const first = Math.floor(chance.between(0, Math.min(turns, 10)));
  return new Set(Array.from({ length: turns }, (_, turn) => turn).filter((turn) => turn % 10 === first));
}
