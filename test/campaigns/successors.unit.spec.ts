import { FaultCounts } from '../../campaigns/fault-counts.js';
import type { Slot } from '../../campaigns/fleet/slot.js';
import { Seeded } from '../../campaigns/seeded.js';
import { BEFORE_READY, Successors } from '../../campaigns/successors.js';

// Property: of the processes that come in the place of dead ones, one in ten is killed before it is ready, whatever it takes;
// and one that was ready by then does not count as one that was not.

/** @param ups whether each process that is started there is up when it is killed: the last one for all that follow */
function slotWhere(...ups: boolean[]) {
  const did: string[] = [];
  const slot = {
    startsWithinMs: 1,
    isUp: false,
    start: () => {
      did.push('start');
      slot.isUp = (ups.length > 1 ? ups.shift() : ups[0])!;
    },
    kill: async () => {
      did.push(slot.isUp ? 'kill one that is up' : 'kill one that starts');
      return true;
    },
  };
  return { slot: slot as Partial<Slot> as Slot, did };
}

it('one in ten is killed while it starts, and has a successor as well', async () => {
  const faults = new FaultCounts();
  const successors = new Successors(faults, 20, new Seeded('a'));
  const { slot, did } = slotWhere(false);
  for (let kill = 0; kill < 20; kill++) await successors.start(slot);
  expect(did.filter((what) => what === 'kill one that starts')).toHaveLength(2);
  expect(did.filter((what) => what === 'start')).toHaveLength(22);
  expect(faults.missing).toEqual([]);
});

it('one that was up already does not count, and the next one is killed sooner', async () => {
  const faults = new FaultCounts();
  const { slot, did } = slotWhere(true, true, false);
  let killed = 0;
  await new Successors(faults, 1, new Seeded('a')).start(slot, async () => void killed++);
  const once = ['start', 'kill one that is up'];
  expect(did).toEqual([...once, ...once, 'start', 'kill one that starts', 'start']);
  expect(killed).toBe(3);
  expect(faults.happened(BEFORE_READY)).toBe(1);
});

it('one that has ended by itself is nobody to kill, and is missing', async () => {
  const faults = new FaultCounts();
  const { slot } = slotWhere(false);
  slot.kill = async () => false;
  await new Successors(faults, 1, new Seeded('a')).start(slot);
  expect(faults.missing).toEqual([`${BEFORE_READY} (0 of 1)`]);
});
