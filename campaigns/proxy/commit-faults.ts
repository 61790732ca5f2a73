import type { Shape } from '../databases/pair.js';
import { FaultCounts } from '../fault-counts.js';
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

/** What is to befall one COMMIT. Whoever does it says what came of it, once. */
export interface PlannedLoss {
  readonly kind: CommitFault;
  happened(): void;
  /** Something else was quicker: another COMMIT is to have it. */
  missed(): void;
}

/** So many faults of each kind at each place, spread by chance. */
export class CommitFaults {
  readonly faults = new FaultCounts();
  /** Those that have happened, and those that are about to. */
  private readonly planned = new Map<string, number>();
  private readonly places: readonly Place[];
  active = false;
  /** So many of each kind at each place as yet: for faults that are to be spread over a run. */
  due = Infinity;

  constructor(
    shape: Shape,
    readonly ofEach: number,
    private readonly chance: Seeded,
  ) {
    this.places = placesOf(shape);
    for (const place of this.places) {
      for (const kind of COMMIT_FAULTS) this.faults.want(nameOf(place, kind), ofEach);
    }
  }

  get isComplete(): boolean {
    return this.faults.missing.length === 0;
  }

  decide(place: Place): PlannedLoss | undefined {
    if (!this.active || !this.places.includes(place)) return undefined;
    const most = Math.min(this.ofEach, this.due);
    const wanted = COMMIT_FAULTS.filter((kind) => this.plannedOf(nameOf(place, kind)) < most);
    if (wanted.length === 0 || !this.chance.chance(SHARE)) return undefined;
    const kind = this.chance.pick(wanted);
    const name = nameOf(place, kind);
    this.planned.set(name, this.plannedOf(name) + 1);
    return {
      kind,
      happened: () => this.faults.count(name),
      missed: () => this.planned.set(name, this.plannedOf(name) - 1),
    };
  }

  private plannedOf(name: string): number {
    return this.planned.get(name) ?? 0;
  }
}

function nameOf(place: Place, kind: CommitFault): string {
  return `${place} ${kind}`;
}
