import type { DataSourceOptions } from 'typeorm';
import { type Engine, engineOfOptions } from '../databases/create.js';
import type { Shape } from '../databases/pair.js';
import type { Place } from '../proxy/transaction-watch.js';
import type { CampaignName } from '../variants/variant.js';

/**
 * `sweeper` is the broker's own work, what nobody asks it for; an `operator` requeues dead letters; an `instance` is one of
 * the broker service.
 */
export type Role = 'publisher' | 'relay' | 'sweeper' | 'consumer' | 'operator' | 'instance';

/** What a process is started with, as JSON in CAMPAIGN_TASK. */
export interface Task {
  campaign: CampaignName;
  role: Role;
  /** `consumer-2.17`: the 17th process in the second consumer's place. */
  name: string;
  seed: string;
  shape: Shape;
  business: DataSourceOptions;
  /** Undefined in shape 1. */
  broker: DataSourceOptions | undefined;
  /** Where the broker service is to be had; undefined where processes reach the broker's database themselves. */
  url: string | undefined;
  variant: string | undefined;
  /** How many deliveries may share a transaction; undefined: none do. */
  perTransaction: number | undefined;
  /** The file that it appends its history to. */
  history: string;
  /** SQLite has no wire between an app and its COMMIT, so the process dies right before or after one instead. */
  death: Death | undefined;
}

export function engineOfTask({ business }: Task): Engine {
  return engineOfOptions(business);
}

export interface Death {
  place: Place;
  when: 'before-commit' | 'after-commit';
  /** It dies at the so-manieth COMMIT of that place. */
  nth: number;
}

/** What a process says to those who started it. */
export type Said = 'ready' | 'stopped-publishing' | 'swept' | Listening;
/** An instance of the service, before it is ready. */
export interface Listening {
  port: number;
}
/** What it is told. */
export type Told =
  | 'hold-publishing'
  | 'go-on-publishing'
  | 'stop-publishing'
  | 'sweep'
  /** As an app is that is deployed anew. */
  | 'shut-down'
  | ClockSet
  | Telling;
/** From now on its clock is ahead by so much, or behind. */
export interface ClockSet {
  clockMs: number;
}
/** A publisher in campaign `duplicates`: of which payment it hears, and how often. */
export interface Telling {
  payment: string;
  copies: number;
}

/** Where a handler finds who it is, and where to write what it does. */
export const TASK = Symbol('Task');
export const HISTORY = Symbol('History');

export const GROUPS = ['card-issuing', 'wallet'] as const;

/** What payments are for in campaign `order`: a row and an ordering key for each. */
export const ACCOUNTS: readonly string[] = Array.from({ length: 50 }, (_, i) => `account-${i + 1}`);
/** Failures of a delivery in campaign `order` before it becomes a dead letter. */
export const ATTEMPTS = 4;
