import type { Type } from '@nestjs/common';
import type { BrokerService, IdempotentMqOptions } from '../../src/index.js';
import type { Engine, EngineOfServers } from '../databases/create.js';
import type { Pair, Shape } from '../databases/pair.js';
import type { Task } from '../processes/task.js';
import type { Raw } from '../databases/raw.js';

export const CAMPAIGNS = [
  'kill',
  'commit',
  'order',
  'instances',
  'server',
  'pause',
  'failover',
  'duplicates',
  'wire',
  'hostile',
  'forgetting',
  'all',
] as const;
export type CampaignName = (typeof CAMPAIGNS)[number];
export type Damage = 'lost' | 'doubled' | 'landedTwice' | 'disordered' | 'overlapped' | 'late';

/** The databases of a process, as somebody reaches them who goes past the library. */
export interface Reached {
  readonly onSqlite: boolean;
  readonly business: () => Pick<Raw, 'query'>;
  readonly broker: () => Pick<Raw, 'query'>;
}

/** The protocol with one rule broken. A campaign that doesn't notice proves nothing. */
export interface Variant {
  readonly name: string;
  /** What it costs; a campaign must find this. */
  readonly damage: Damage;
  readonly campaigns: readonly CampaignName[];
  readonly shapes: readonly Shape[];
  readonly engines: readonly Engine[];
  /** What is broken is not the library, but what it stands on: each run of its campaigns has it beside itself, and is void without its damage. */
  readonly control?: true;
  /** Of the campaign's own servers, once they have been killed. */
  readonly serverOptions?: (engine: EngineOfServers) => readonly string[];
  /** The primary acknowledges a COMMIT before its replica has it. */
  readonly withoutSemiSync?: true;
  /** Nothing is published under an ordering key. */
  readonly withoutKeys?: boolean;
  /** Done to the databases before anybody is there. */
  readonly spoil?: (pair: Pair) => Promise<void>;
  /** In place of the idempotent consumers. */
  readonly consumer?: Type;
  /** In place of how dedup rows are forgotten. */
  readonly forget?: (task: Task) => () => Promise<unknown>;
  /** Put between the process and its broker. */
  readonly through?: (databases: Reached) => NonNullable<IdempotentMqOptions['broker']>['through'];
  /** Done to the broker of each instance of the service before it listens. */
  readonly instance?: (broker: BrokerService) => void;
}
