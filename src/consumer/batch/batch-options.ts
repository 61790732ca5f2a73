import { InvalidOptionError } from '../../errors/index.js';

/** For handlers that get several messages at once. */
export interface BatchOptions {
  /** Messages that the handler gets at once, at most, from 1 to 1000. */
  max: number;
  /** How long the first of them waits for more, in milliseconds, up to a minute; not at all where there are `max`. @default 0 */
  waitMs?: number;
}

export type ResolvedBatchOptions = Required<BatchOptions>;

/** The locks of all of them are held together, and one dedup row each is inserted in one statement. */
const MAX_BATCH = 1_000;
const MAX_WAIT_MS = 60_000;
const KNOWN = ['max', 'waitMs'];

/** @throws InvalidOptionError naming the option and what came */
export function resolveBatchOptions(
  where: string,
  batch: BatchOptions | undefined,
): ResolvedBatchOptions | undefined {
  if (batch === undefined) return undefined;
  if (typeof batch !== 'object' || batch === null || Array.isArray(batch)) {
    throw new InvalidOptionError(`${where}.batch`, batch, 'an object, such as { max: 100 }');
  }
  const [unknown] = Object.entries(batch).filter(([name]) => !KNOWN.includes(name));
  if (unknown) {
    const expected = `left out: it is not an option. Known are ${KNOWN.join(', ')}`;
    throw new InvalidOptionError(`${where}.batch.${unknown[0]}`, unknown[1], expected);
  }
  const { max, waitMs = 0 } = batch;
  check(`${where}.batch.max`, max, 1, MAX_BATCH);
  check(`${where}.batch.waitMs`, waitMs, 0, MAX_WAIT_MS);
  return { max, waitMs };
}

function check(option: string, value: unknown, min: number, max: number): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw new InvalidOptionError(option, value, `a whole number from ${min} to ${max}`);
}
