import type { Urls } from './databases/pair.js';
import type { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import type { Seeded } from './seeded.js';

export interface Scene {
  fleet: Fleet;
  /** Of the chunk. */
  size: number;
  chance: Seeded;
  /** What must not be, and is no damage that the checker would see. */
  onAccident: (what: string) => void;
}

/** The servers that a chunk has its databases on, where it has started them itself and may do to them what it likes. */
export interface Stage {
  readonly urls: Urls;
  /** The campaign's faults. */
  disturb(scene: Scene): Promise<FaultCounts>;
  close(): Promise<void>;
}
