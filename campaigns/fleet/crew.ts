import type { Shape } from '../databases/pair.js';
import type { Role } from '../processes/task.js';
import type { CampaignName } from '../variants/variant.js';

/** How many processes of each role run at a time. */
export type Crew = Partial<Record<Role, number>>;

const FEW: Crew = { consumer: 2, relay: 2, sweeper: 1, publisher: 2 };
/** Relays are the first to be killed: what one of them held takes longest to come. */
const MANY: Crew = { relay: 4, consumer: 4, sweeper: 2, operator: 1, publisher: 8 };
/** For so few messages that MANY would have come and gone before they had all started. */
const ENOUGH: Crew = { relay: 2, consumer: 2, sweeper: 1, operator: 1, publisher: 3 };
const MESSAGES_FOR_MANY = 1_000;

/** Copies of one payment come from several at a time, and go to several at a time. */
const REPEATING: Crew = { consumer: 4, relay: 2, sweeper: 1, publisher: 4 };

/** Several who forget, and an operator who comes late. */
const FORGETTING: Crew = { consumer: 2, relay: 2, sweeper: 2, operator: 1, publisher: 2 };

/** Two instances of the broker service, which sweep by themselves, and whoever needs them. */
const WITH_SERVICE: Crew = { instance: 2, consumer: 4, relay: 2, publisher: 2 };

/** So many that somebody is left who takes over. */
const SOME: Crew = { consumer: 3, relay: 3, sweeper: 2, publisher: 3 };

/** A lost COMMIT costs a relay most: it waits for answers, and what it had for its lease. */
const LOSING: Crew = { relay: 6, consumer: 3, sweeper: 1, publisher: 3 };

/** As many as two cores have work for. */
const BUSY: Crew = { relay: 3, consumer: 4, sweeper: 1, operator: 1, publisher: 3 };

const OWN: Partial<Record<CampaignName, Crew>> = {
  all: BUSY,
  commit: LOSING,
  duplicates: REPEATING,
  forgetting: FORGETTING,
  pause: SOME,
};

const SHARED_BY_TWO = 10;

/** How many deliveries share a transaction of that process; undefined: none do. In `all` every other consumer does it. */
export function perTransactionOf(
  { campaign, perTransaction }: { campaign: CampaignName; perTransaction: number | undefined },
  role: Role,
  place: number,
): number | undefined {
  return campaign === 'all' && role === 'consumer' && place % 2 === 0 ? SHARED_BY_TWO : perTransaction;
}

export function crewOf(campaign: CampaignName, shape: Shape, size: number): Crew {
  if (campaign === 'instances' || campaign === 'wire') return WITH_SERVICE;
  const crew = OWN[campaign] ?? (campaign === 'order' ? crewForOrder(size) : FEW);
  return shape === 1 ? { ...crew, relay: 0 } : crew;
}

function crewForOrder(size: number): Crew {
  return size < MESSAGES_FOR_MANY ? ENOUGH : MANY;
}
