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

/** Two instances of the broker service, which sweep by themselves, and whoever needs them. */
const WITH_SERVICE: Crew = { instance: 2, consumer: 4, relay: 2, publisher: 2 };

/** So many that somebody is left who takes over. */
const SOME: Crew = { consumer: 3, relay: 3, sweeper: 2, publisher: 3 };

export function crewOf(campaign: CampaignName, shape: Shape, size: number): Crew {
  if (campaign === 'instances') return WITH_SERVICE;
  const inOrder = size < MESSAGES_FOR_MANY ? ENOUGH : MANY;
  const crew = campaign === 'order' ? inOrder : campaign === 'pause' ? SOME : FEW;
  return shape === 1 ? { ...crew, relay: 0 } : crew;
}
