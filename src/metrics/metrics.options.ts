import { InvalidOptionError } from '../errors/index.js';
import { MAX_TIMER_MS, whole } from '../options/values.js';

/** How much metrics may cost. */
export interface MetricsOptions {
  /** The name of the module's instance, where it has one: `IdempotentMqModule.forRoot({ name })`. */
  instance?: string;
  /** For how long the database is not asked again, however often metrics are read, in milliseconds. @default 10000 */
  cacheMs?: number;
  /** How long reading metrics waits for the database, in milliseconds. Its gauges have no value then. @default 2000 */
  timeoutMs?: number;
  /** Most values of each label: topics, groups, scenarios. What comes after them is counted as `other`. @default 100 */
  maxLabelValues?: number;
}

const MAX_LABEL_VALUES = 10_000;

/** @throws InvalidOptionError naming the option and what came */
export function resolveMetricsOptions(given: MetricsOptions, beside: readonly string[] = []) {
  const known = ['instance', 'cacheMs', 'timeoutMs', 'maxLabelValues', ...beside];
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    const value = (given as Record<string, unknown>)[unknown];
    throw new InvalidOptionError(
      unknown,
      value,
      `left out: it is not an option. Known are ${known.join(', ')}`,
    );
  }
  const { instance } = given;
  if (instance !== undefined && (typeof instance !== 'string' || instance === ''))
    throw new InvalidOptionError('instance', instance, 'the name that forRoot({ name }) has, or left out');
  return {
    instance,
    cacheMs: whole('cacheMs', given.cacheMs, 10_000, MAX_TIMER_MS, 0),
    timeoutMs: whole('timeoutMs', given.timeoutMs, 2_000, MAX_TIMER_MS),
    maxLabelValues: whole('maxLabelValues', given.maxLabelValues, 100, MAX_LABEL_VALUES),
  };
}

export type ResolvedMetricsOptions = ReturnType<typeof resolveMetricsOptions>;
