import type { Shape } from '../databases/pair.js';
import type { Seeded } from '../seeded.js';
import type { Place } from './transaction-watch.js';

export const COMMIT_FAULTS = [
  /** The server commits; its answer never comes, and the connection breaks. */
  'answer-lost',
  /** The server never hears of it, and the connection breaks. */
  'command-lost',
  /** The server commits; its answer never comes, and nobody says so. */
  'answer-swallowed',
] as const;
export type CommitFault = (typeof COMMIT_FAULTS)[number];

const PLACES: Record<Shape, readonly Place[]> = {
  1: ['publish', 'claim', 'consume'],
  2: ['publish', 'relay-claim', 'land', 'relay-done', 'claim', 'consume', 'ack'],
};

export function placesOf(shape: Shape): readonly Place[] {
  return PLACES[shape];
}

/** Of the COMMITs at a place, how many meet a fault as long as some are wanted: the rest shows that work goes on. */
const SHARE = 0.3;

/** So many faults of each kind at each place, spread by chance. */
export class CommitFaults {
  private readonly open: Map<Place, CommitFault[]>;
  readonly counts = new Map<string, number>();
  active = false;
  /** So many of each kind at each place as yet: for faults that are to be spread over a run. */
  due = Infinity;

  constructor(
    shape: Shape,
    readonly ofEach: number,
    private readonly chance: Seeded,
  ) {
    this.open = new Map(placesOf(shape).map((place) => [place, [...COMMIT_FAULTS]]));
    for (const place of placesOf(shape)) {
      for (const kind of COMMIT_FAULTS) this.counts.set(`${place} ${kind}`, 0);
    }
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  get isComplete(): boolean {
    return [...this.open.values()].every((kinds) => kinds.length === 0);
  }

  decide(place: Place): CommitFault | undefined {
    const kinds = this.open.get(place);
    if (!this.active || !kinds) return undefined;
    const wanted = kinds.filter((kind) => this.counts.get(`${place} ${kind}`)! < this.due);
    if (wanted.length === 0 || !this.chance.chance(SHARE)) return undefined;
    const kind = this.chance.pick(wanted);
    const count = this.counts.get(`${place} ${kind}`)! + 1;
    this.counts.set(`${place} ${kind}`, count);
    if (count >= this.ofEach) kinds.splice(kinds.indexOf(kind), 1);
    return kind;
  }
}
