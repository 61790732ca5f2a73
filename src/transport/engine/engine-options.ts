import { InvalidOptionError } from '../../errors/index.js';
import type { Transport } from '../port.js';

/** Options of one engine, checked as each of them is: `rabbitmq({ … })`, say. */
export class EngineOptions {
  /** @throws InvalidOptionError where it is no object, or has what is no option */
  constructor(
    /** The function whose options they are. */
    private readonly call: string,
    private readonly options: object,
    known: readonly string[],
  ) {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw new InvalidOptionError(`${call}(options)`, options, 'an object such as { url }');
    }
    const unknown = Object.keys(options).find((key) => !known.includes(key));
    if (unknown !== undefined) {
      throw this.invalid(
        unknown,
        `left out: it is not an option. Known are ${known.join(', ')}`,
        (options as Record<string, unknown>)[unknown],
      );
    }
  }

  /** @param shown in place of the value, where that may have a secret */
  invalid(option: string, expected: string, ...shown: [unknown?]): InvalidOptionError {
    const came = shown.length > 0 ? shown[0] : (this.options as Record<string, unknown>)[option];
    return new InvalidOptionError(`${this.call}({ ${option} })`, came, expected);
  }

  whole(option: string, otherwise: number, { min = 1, max }: { min?: number; max: number }): number {
    const value = (this.options as Record<string, unknown>)[option];
    if (value === undefined) return otherwise;
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
      return value as number;
    throw this.invalid(option, `a whole number from ${min} to ${max}`);
  }

  through(): ((broker: Transport) => Transport) | undefined {
    const { through } = this.options as { through?: (broker: Transport) => Transport };
    if (through === undefined || typeof through === 'function') return through;
    throw this.invalid('through', 'a function from a transport to a transport');
  }
}

/** Node runs a timer that is longer than this at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
