import { InvalidOptionError } from '../errors/index.js';

/**
 * A misspelt key would be passed over, and the call reach further than was meant.
 *
 * @throws InvalidOptionError naming the key, and those that are known
 */
export function refuseUnknownKeys(call: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null) return;
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || known.includes(key)) continue;
    throw new InvalidOptionError(
      `${call}({ ${key} })`,
      value,
      `left out: there is no such key. Known are ${known.join(', ')}`,
    );
  }
}
