import { InvalidOptionError, describeError } from '../errors/index.js';
import { fingerprintOf } from '../topic/index.js';
import { CONSUMER_DEFAULTS, resolveConsumerOptions } from './consumer-options.js';

export interface IdempotentRunOptions {
  /**
   * Longest that the work may take, in milliseconds; inside of another transaction that one's limit holds.
   *
   * @default consumers.timeoutMs
   */
  timeoutMs?: number;
  /**
   * What the biz-id stands for, such as the body of a webhook: 16 bytes of its hash are kept, and compared when the biz-id
   * comes again. If it is another, `run` throws `BizIdConflictError` in place of returning the stored result. The order of
   * keys in objects makes no difference.
   *
   * @default nothing is compared
   */
  fingerprint?: unknown;
}

export interface ResolvedRunOptions {
  timeoutMs: number;
  fingerprint: Buffer | undefined;
}

/** @throws InvalidOptionError naming the option and what came */
export function resolveRunOptions(
  where: string,
  options: IdempotentRunOptions,
  defaultTimeoutMs: number,
): ResolvedRunOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new InvalidOptionError(where, options, 'an object');
  }
  const { timeoutMs, fingerprint, ...others } = options;
  const [unknown] = Object.entries(others);
  if (unknown) {
    const expected = 'left out: it is not an option. Known are timeoutMs, fingerprint';
    throw new InvalidOptionError(`${where}.${unknown[0]}`, unknown[1], expected);
  }
  const defaults = { ...CONSUMER_DEFAULTS, timeoutMs: defaultTimeoutMs };
  return {
    timeoutMs: resolveConsumerOptions(where, { timeoutMs }, defaults).timeoutMs,
    fingerprint: fingerprint === undefined ? undefined : encodeFingerprint(where, fingerprint),
  };
}

function encodeFingerprint(where: string, value: unknown): Buffer {
  try {
    return fingerprintOf(value);
  } catch (cause) {
    const expected = `something that JSON can carry, and not: ${describeError(cause)}`;
    throw new InvalidOptionError(`${where}.fingerprint`, value, expected);
  }
}
