import type { Shape } from '../databases/pair.js';
import type { Role } from '../processes/task.js';
import { Slot, type Surroundings } from './slot.js';

/** How many processes of each role run at a time. */
const CREW: Record<Shape, Partial<Record<Role, number>>> = {
  1: { consumer: 2, sweeper: 1, publisher: 2 },
  2: { consumer: 2, relay: 2, sweeper: 1, publisher: 2 },
};

/** Everybody who takes part in a chunk. */
export class Fleet {
  private constructor(readonly slots: readonly Slot[]) {}

  /** Groups subscribe before the first message is published: what comes earlier is for nobody. */
  static async start(around: Surroundings): Promise<Fleet> {
    const fleet = new Fleet(await openSlots(around));
    try {
      const consumers = fleet.of('consumer');
      await startAll(consumers);
      await startAll(fleet.slots.filter((slot) => !consumers.includes(slot)));
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  of(role: Role): Slot[] {
    return this.slots.filter((slot) => slot.role === role);
  }

  /** What was under way is written down when this resolves. */
  async stopPublishing(): Promise<void> {
    const stopped = this.of('publisher').map((slot) => slot.hears('stopped-publishing'));
    for (const slot of this.of('publisher')) slot.tell('stop-publishing');
    await Promise.all(stopped);
  }

  async sweep(): Promise<void> {
    const [sweeper] = this.of('sweeper');
    const swept = sweeper!.hears('swept');
    sweeper!.tell('sweep');
    await swept;
  }

  async close(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.close()));
  }
}

async function startAll(slots: readonly Slot[]): Promise<void> {
  for (const slot of slots) slot.start();
  await Promise.all(slots.map((slot) => slot.ready()));
}

async function openSlots(around: Surroundings): Promise<Slot[]> {
  const slots: Slot[] = [];
  for (const [role, count] of Object.entries(CREW[around.pair.shape]) as [Role, number][]) {
    for (let i = 1; i <= count; i++) slots.push(await Slot.open(role, `${role}-${i}`, around));
  }
  return slots;
}
