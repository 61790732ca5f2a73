import { setTimeout as pause } from 'node:timers/promises';
import type { Seeded } from '../seeded.js';
import type { Line } from './history.js';

/** Milliseconds. The library does it once a minute. */
const PAUSE_MS = 150;

/** Forgets dedup rows all the time. */
export async function keepForgetting(
  forget: () => Promise<unknown>,
  write: (line: Line) => void,
  chance: Seeded,
): Promise<never> {
  for (;;) {
    await forget().catch((error: unknown) => write({ event: 'forgetting-error', about: String(error) }));
    await pause(chance.between(0, PAUSE_MS));
  }
}
