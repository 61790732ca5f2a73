import type { SimulatedDatabase } from './databases.js';
import type { Far } from './faulty-port.js';
import type { Record } from './record.js';
import type { Simulation } from './simulation.js';
import type { SimulatedVariant } from './variants.js';

/** What there is in one seed. */
export interface World {
  readonly simulation: Simulation;
  readonly record: Record;
  /** 1: the broker's tables are in the business's database. 2: they have one of their own. */
  readonly shape: 1 | 2;
  /** How the broker is reached in shape 2. */
  readonly far: Far;
  readonly business: SimulatedDatabase;
  readonly broker: SimulatedDatabase;
  readonly variant: SimulatedVariant | undefined;
  /** How often whoever is idle looks, in milliseconds. */
  readonly pollMs: number;
}
