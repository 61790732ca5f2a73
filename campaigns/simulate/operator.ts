import { setTimeout as pause } from 'node:timers/promises';
import type { BrokerService } from '../../src/index.js';
import { chargeIn } from './charges.js';
import type { World } from './world.js';

const LOOKS_MS = 5_000;

/** Brings dead letters back, and decides about what is in quarantine: lands what has not landed. */
export async function operate(broker: BrokerService, world: World): Promise<void> {
  const { chance, faults } = world.simulation;
  for (;;) {
    await pause(chance.between(0, LOOKS_MS));
    try {
      for (const letter of await broker.deadLetters.list()) {
        if (faults.areOver || chance.chance(0.5)) await broker.deadLetters.requeue(letter);
      }
      for (const { id } of await broker.quarantine.list()) await decide(broker, id, world);
    } catch {
      // The next look tries again.
    }
  }
}

/** An operator who knows the business can tell whether it has the message already. */
async function decide(broker: BrokerService, id: string, { record, broker: database }: World): Promise<void> {
  const found = await broker.quarantine.get(id);
  if (!found) return;
  const { message } = chargeIn(found.body);
  record.setAside.add(message);
  if (database.hasLanded(found.topic, message)) await broker.quarantine.discard(id);
  else await broker.quarantine.release(id);
}
