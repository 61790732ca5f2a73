import type { LibraryConnections } from '../storage/index.js';
import type { Check } from './check.js';
import { checkDedup } from './check-dedup.js';
import { checkDeliveries, checkLeftovers } from './check-deliveries.js';
import { type EffectTable, checkEffects } from './check-effects.js';
import { checkGroups } from './check-groups.js';
import { checkMessages, checkParked, sweepPatienceMs } from './check-messages.js';
import { checkOutbox } from './check-outbox.js';
import { checkQuarantine } from './check-quarantine.js';
import { checkScenarios } from './check-scenarios.js';

export interface Audited {
  /** The database of a sender, a receiver, or both. */
  business: LibraryConnections;
  /** The broker's; the same, unless the broker is apart. */
  broker: LibraryConnections;
  effects?: EffectTable | undefined;
}

/** Everything that is checked. What takes long to be put right comes first, so that its time runs. */
export async function allChecks({ business, broker, effects }: Audited): Promise<Check[]> {
  const patience = await sweepPatienceMs(broker);
  const patienceMs = () => patience;
  const checks: unknown[] = [
    ...checkMessages(broker, patienceMs),
    ...checkLeftovers(broker, patienceMs),
    ...checkDeliveries(broker),
    checkParked(broker),
    ...checkGroups(broker),
    checkQuarantine(broker),
    ...checkOutbox({ sender: business, broker }),
    ...checkScenarios({ receiver: business, broker }),
    checkDedup({ receiver: business, broker }),
    ...(effects ? await checkEffects(business, effects) : []),
  ];
  return checks as Check[];
}
