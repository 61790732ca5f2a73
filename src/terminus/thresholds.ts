import { InvalidOptionError } from '../errors/index.js';
import { MAX_TIMER_MS, MAX_WAIT_MS, whole } from '../options/values.js';

/** From where on something is wrong. `null` takes a threshold away. */
export interface HealthThresholds {
  /** Longest that a message may wait in the outbox for the ACK of a broker apart, in milliseconds. @default 300000 */
  outboxMs?: number | null;
  /** Longest that a delivery may wait for a worker, in milliseconds. Those of a paused group may. @default 300000 */
  waitingMs?: number | null;
  /** Most dead letters, those of all groups together. @default null */
  deadLetters?: number | null;
  /** Most messages in quarantine. @default 0 */
  quarantine?: number | null;
  /** Longest that the relay or a worker of this process may not have gone round, or may have failed, in milliseconds. @default 120000 */
  loopMs?: number | null;
}

export interface HealthOptions extends HealthThresholds {
  /** The name of the module's instance, where it has one: `IdempotentMqModule.forRoot({ name })`. */
  instance?: string;
  /** For how long the database is not asked again, however often health is asked for, in milliseconds. @default 5000 */
  cacheMs?: number;
  /** How long a check waits for the database, in milliseconds. @default 2000 */
  timeoutMs?: number;
}

export type Thresholds = { [K in keyof HealthThresholds]-?: number };

const MAX_COUNT = 100_000;
const DEFAULTS: Thresholds = {
  outboxMs: 300_000,
  waitingMs: 300_000,
  deadLetters: Infinity,
  quarantine: 0,
  loopMs: 120_000,
};
const KNOWN = [...Object.keys(DEFAULTS), 'instance', 'cacheMs', 'timeoutMs'];

/** @throws InvalidOptionError naming the option and what came */
export function resolveThresholds(given: HealthThresholds, otherwise: Thresholds = DEFAULTS): Thresholds {
  refuseUnknown(given, Object.keys(DEFAULTS));
  return thresholdsOf(given, otherwise);
}

function thresholdsOf(given: HealthThresholds, otherwise: Thresholds): Thresholds {
  const ms = (name: 'outboxMs' | 'waitingMs' | 'loopMs') =>
    threshold(name, given[name], otherwise[name], MAX_WAIT_MS);
  const count = (name: 'deadLetters' | 'quarantine') =>
    // Further than that, nobody counts.
    threshold(name, given[name], otherwise[name], MAX_COUNT - 1);
  return {
    outboxMs: ms('outboxMs'),
    waitingMs: ms('waitingMs'),
    deadLetters: count('deadLetters'),
    quarantine: count('quarantine'),
    loopMs: ms('loopMs'),
  };
}

/** @throws InvalidOptionError naming the option and what came */
export function resolveHealthOptions(given: HealthOptions) {
  refuseUnknown(given, KNOWN);
  return {
    instance: given.instance,
    thresholds: thresholdsOf(given, DEFAULTS),
    cacheMs: whole('cacheMs', given.cacheMs, 5_000, MAX_TIMER_MS, 0),
    timeoutMs: whole('timeoutMs', given.timeoutMs, 2_000, MAX_TIMER_MS),
  };
}

export type ResolvedHealthOptions = ReturnType<typeof resolveHealthOptions>;

function refuseUnknown(given: object, known: readonly string[]): void {
  const unknown = Object.entries(given).find(([key]) => !known.includes(key));
  if (!unknown) return;
  const [name, value] = unknown as [string, unknown];
  throw new InvalidOptionError(name, value, `left out: it is not an option. Known are ${known.join(', ')}`);
}

function threshold(name: string, value: number | null | undefined, otherwise: number, max: number): number {
  if (value === null) return Infinity;
  return value === undefined ? otherwise : whole(name, value, 0, max, 0);
}
