import { setTimeout as pause } from 'node:timers/promises';
import type { BrokerService } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import type { Line } from './history.js';

/** The library sweeps twice a minute; so seldom, nobody would be killed while doing it. Milliseconds. */
const PAUSE_MS = 150;

export async function keepSweeping(
  broker: BrokerService,
  write: (line: Line) => void,
  chance: Seeded,
): Promise<never> {
  for (;;) {
    await sweepOnce(broker, write);
    await pause(chance.between(0, PAUSE_MS));
  }
}

/** What goes wrong is tried again with the next one, as the library's own sweeper does. */
export async function sweepOnce(broker: BrokerService, write: (line: Line) => void): Promise<void> {
  try {
    await broker.sweep();
  } catch (error) {
    write({ event: 'sweep-error', about: String(error) });
  }
}
