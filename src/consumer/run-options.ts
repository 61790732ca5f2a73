import { InvalidOptionError } from '../errors/index.js';
import { CONSUMER_DEFAULTS, resolveConsumerOptions } from './consumer-options.js';

export interface IdempotentRunOptions {
  /**
   * Longest that the work may take, in milliseconds; inside of another transaction that one's limit holds.
   *
   * @default consumers.timeoutMs
   */
  timeoutMs?: number;
}

/** @throws InvalidOptionError naming the option and what came */
export function timeoutOf(where: string, options: IdempotentRunOptions, otherwise: number): number {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionError(where, options, 'an object');
  }
  const { timeoutMs, ...others } = options;
  const [unknown] = Object.entries(others);
  if (unknown) {
    const expected = 'left out: it is not an option. Known is timeoutMs';
    throw new InvalidOptionError(`${where}.${unknown[0]}`, unknown[1], expected);
  }
  return resolveConsumerOptions(where, { timeoutMs }, { ...CONSUMER_DEFAULTS, timeoutMs: otherwise })
    .timeoutMs;
}
