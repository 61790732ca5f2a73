import type { Type } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { Shape } from '../databases/pair.js';
import type { OutboxPublisher } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import type { CampaignName } from '../variants/variant.js';
import { AccountPayments } from './account-payments.js';
import { ChancyIssuing } from './chancy-issuing.js';
import type { Line } from './history.js';
import { HostileIssuing } from './hostile-issuing.js';
import { CardIssuing } from './issuing.js';
import { LatePayments } from './late-payments.js';
import { BusyPublishing, Publishing } from './publishing.js';
import { RepeatedPayments } from './repeated-payments.js';
import { RoughIssuing } from './rough-issuing.js';
import type { Telling } from './task.js';
import { TroubledIssuing } from './troubled-issuing.js';

/** A business that takes payments. */
export interface Payments {
  /** Nobody pays until consumers have caught up. */
  held: boolean;
  /** Not where it only does what it is told. */
  start?(): void;
  /** Resolves when what was under way is written down. */
  stop(): Promise<void>;
  tellOf?(telling: Telling): void;
}

type PaymentsClass = new (
  name: string,
  dataSource: DataSource,
  outbox: OutboxPublisher,
  write: (line: Line) => void,
  chance: Seeded,
  withKeys: boolean,
  shape: Shape,
) => Payments;

interface Trades {
  /** Both groups, as consumers. */
  Issuing: Type;
  Paying: PaymentsClass;
}

const PLAIN: Trades = { Issuing: CardIssuing, Paying: Publishing };
const OWN: Partial<Record<CampaignName, Trades>> = {
  order: { Issuing: TroubledIssuing, Paying: AccountPayments },
  all: { Issuing: RoughIssuing, Paying: BusyPublishing },
  hostile: { Issuing: HostileIssuing, Paying: Publishing },
  forgetting: { Issuing: ChancyIssuing, Paying: LatePayments },
  duplicates: { Issuing: ChancyIssuing, Paying: RepeatedPayments },
};

/** What publishers and consumers do in a campaign. */
export function tradesOf(campaign: CampaignName): Trades {
  return OWN[campaign] ?? PLAIN;
}
