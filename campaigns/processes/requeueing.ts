import { setTimeout as pause } from 'node:timers/promises';
import type { BrokerService } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import type { Line } from './history.js';

const PAUSE_MS = 400;
/** Of the dead letters that there are; the others stay for longer, and their keys go on. */
const SHARE = 0.5;
/** How often several go back in one call. */
const TOGETHER = 0.5;

/** An operator who gives every dead letter another chance, some later than others. */
export async function keepRequeueing(
  broker: BrokerService,
  write: (line: Line) => void,
  chance: Seeded,
): Promise<never> {
  for (;;) {
    try {
      await requeueSome(broker, write, chance);
    } catch (error) {
      write({ event: 'requeue-error', about: String(error) });
    }
    await pause(chance.between(0, PAUSE_MS));
  }
}

async function requeueSome(
  broker: BrokerService,
  write: (line: Line) => void,
  chance: Seeded,
): Promise<void> {
  const letters = (await broker.deadLetters.list()).filter(() => chance.chance(SHARE));
  if (letters.length === 0) return;
  for (const some of chance.chance(TOGETHER) ? [letters] : letters.map((letter) => [letter])) {
    for (const { bizId, group } of some) write({ requeue: 'attempted', bizId, group: group! });
    const requeued = await broker.deadLetters.requeue(some.map(({ id }) => id));
    // Less than all: somebody who was killed had done it, and nobody knows when.
    if (requeued < some.length) continue;
    for (const { bizId, group } of some) write({ requeue: 'acknowledged', bizId, group: group! });
  }
}
