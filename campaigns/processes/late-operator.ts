import { setTimeout as pause } from 'node:timers/promises';
import type { BrokerService } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import type { Line } from './history.js';
import { SLACK_MS, retentionMs } from './retention.js';
import { GROUPS, type Task } from './task.js';

const PAUSE_MS = 400;
/** Of the dead letters and quarantined copies that there are: most go back when what they repeat could have been forgotten. */
const SHARE = 0.2;
/** How often a group is paused, for longer than a biz-id is known. */
const PAUSES = 0.08;

/**
 * An operator who is late: dead letters are requeued, and quarantined copies released, seconds after, and a group stands still for so long that what it has
 * waiting repeats what is old enough to be forgotten. What was too old to judge stays where it is.
 */
export async function keepBeingLate(
  broker: BrokerService,
  write: (line: Line) => void,
  chance: Seeded,
  { shape }: Task,
): Promise<never> {
  for (;;) {
    try {
      // Whoever was here before may have been killed with a group paused.
      for (const group of GROUPS) await broker.groups.resume({ group });
      const letters = (await broker.deadLetters.list()).filter(({ reason }) => reason !== 'too-old-to-judge');
      for (const { id } of letters) {
        if (chance.chance(SHARE) && (await broker.deadLetters.requeue([id])) > 0)
          write({ event: 'requeued late' });
      }
      for (const { id, bizId } of await broker.quarantine.list()) {
        if (!chance.chance(SHARE)) continue;
        write({ release: bizId });
        if (await broker.quarantine.release(id)) write({ event: 'released late' });
      }
      if (chance.chance(PAUSES)) {
        await broker.groups.pause({ group: chance.pick(GROUPS) });
        write({ event: 'group paused' });
        await pause(chance.between(1, 1.3) * (retentionMs(shape) + 2 * SLACK_MS));
      }
    } catch (error) {
      write({ event: 'operator-error', about: String(error) });
    }
    await pause(chance.between(0, PAUSE_MS));
  }
}
