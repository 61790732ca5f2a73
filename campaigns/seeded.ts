import { createHash } from 'node:crypto';

/**
 * Chance that is the same for the same seed. It fixes what is asked for (whom to kill when, which COMMIT to break), not how
 * processes and servers take turns: a seed repeats a schedule, not an interleaving.
 */
export class Seeded {
  private state: number;

  constructor(readonly seed: string) {
    this.state = createHash('sha256').update(seed).digest().readUInt32LE(0);
  }

  /** From 0 up to 1 (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)]!;
  }

  /** For somebody who draws by itself. */
  child(name: string): Seeded {
    return new Seeded(`${this.seed}/${name}`);
  }
}
