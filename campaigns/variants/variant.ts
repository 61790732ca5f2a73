import type { Type } from '@nestjs/common';
import type { BrokerService, IdempotentMqOptions } from '../../src/index.js';
import type { Engine } from '../databases/create.js';
import type { Pair, Shape } from '../databases/pair.js';
import type { Task } from '../processes/task.js';

export const CAMPAIGNS = [
  'kill',
  'commit',
  'order',
  'instances',
  'duplicates',
  'wire',
  'hostile',
  'forgetting',
] as const;
export type CampaignName = (typeof CAMPAIGNS)[number];
export type Damage = 'lost' | 'doubled' | 'landedTwice' | 'disordered' | 'overlapped' | 'late';

/** The protocol with one rule broken. A campaign that doesn't notice proves nothing. */
export interface Variant {
  readonly name: string;
  /** What it costs; a campaign must find this. */
  readonly damage: Damage;
  readonly campaigns: readonly CampaignName[];
  readonly shapes: readonly Shape[];
  readonly engines: readonly Engine[];
  /** Nothing is published under an ordering key. */
  readonly withoutKeys?: boolean;
  /** Done to the databases before anybody is there. */
  readonly spoil?: (pair: Pair) => Promise<void>;
  /** In place of the idempotent consumers. */
  readonly consumer?: Type;
  /** In place of how dedup rows are forgotten. */
  readonly forget?: (task: Task) => () => Promise<unknown>;
  /** Put between the process and its broker. */
  readonly through?: (task: Task) => NonNullable<IdempotentMqOptions['broker']>['through'];
  /** Done to the broker of each instance of the service before it listens. */
  readonly instance?: (broker: BrokerService) => void;
}
