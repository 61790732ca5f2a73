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
    try {
      await broker.sweep();
    } catch (error) {
      write({ event: 'sweep-error', about: String(error) });
    }
    await pause(chance.between(0, PAUSE_MS));
  }
}
