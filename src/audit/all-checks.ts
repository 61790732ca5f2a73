import type { LibraryConnections } from '../storage/index.js';
import type { Check } from './check.js';
import { dedupCheck } from './check-dedup.js';
import { deliveryChecks, leftoverChecks } from './check-deliveries.js';
import { type EffectTable, effectChecks } from './check-effects.js';
import { groupChecks } from './check-groups.js';
import { messageChecks, parkedCheck, sweepPatienceMs } from './check-messages.js';
import { originCheck } from './check-origin.js';
import { outboxChecks } from './check-outbox.js';
import { quarantineCheck } from './check-quarantine.js';
import { scenarioChecks } from './check-scenarios.js';

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
    ...messageChecks(broker, patienceMs),
    ...leftoverChecks(broker, patienceMs),
    ...deliveryChecks(broker),
    parkedCheck(broker),
    ...groupChecks(broker),
    quarantineCheck(broker),
    ...outboxChecks({ sender: business, broker }),
    ...[...new Set([business, broker])].map(originCheck),
    ...scenarioChecks({ receiver: business, broker }),
    dedupCheck({ receiver: business, broker }),
    ...(effects ? await effectChecks(business, effects) : []),
  ];
  return checks as Check[];
}
