import type { INestApplicationContext } from '@nestjs/common';
import { ConfigurationError, InvalidOptionError } from '../../errors/index.js';
import type { TestedRuntime } from '../harness/runtime-of.js';
import { checkMs } from '../check-ms.js';
import type { MatrixRun } from './matrix-run.js';

export interface CrashMatrixOptions<Observed = unknown> {
  /**
   * Has the app publish what its handlers are to handle, for a business act that `run.id` names: as a payment's id, say. It
   * is called once for each run, and twice with the same id to see what a repeat does; of those, one may be refused.
   */
  publish: (run: MatrixRun) => Promise<unknown>;
  /**
   * What there is in the end of that act, wherever its effects are: rows, mails that were sent. Without what differs each
   * time, such as generated ids and times; `run.id` may be part of it. It is also asked about an act that never was.
   */
  observe: (run: MatrixRun) => Promise<Observed> | Observed;
  /** Of the instance: `forRoot({ name })`. @default the one without a name */
  name?: string;
  /** How long `publish`, `observe`, and what the handlers have to do in between may each take, in milliseconds. @default 10000 */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/** @throws InvalidOptionError naming what is wrong */
export function checkMatrixOptions<Observed>(
  options: CrashMatrixOptions<Observed>,
): CrashMatrixOptions<Observed> & { timeoutMs: number } {
  for (const name of ['publish', 'observe'] as const) {
    const given: unknown = (options as CrashMatrixOptions<Observed> | undefined)?.[name];
    if (typeof given !== 'function')
      throw new InvalidOptionError(`crashMatrix(app, { ${name} })`, given, 'a function');
  }
  const { timeoutMs = TIMEOUT_MS } = options;
  checkMs('crashMatrix(app, { timeoutMs })', timeoutMs, 1);
  return { ...options, timeoutMs };
}

/** @throws ConfigurationError where each run would wait for a handler that can't come */
export function refuseIfNothingConsumes(app: INestApplicationContext, { options }: TestedRuntime): void {
  if ((app as { isInitialized?: boolean }).isInitialized === false) {
    throw new ConfigurationError(
      'crashMatrix needs an app that is initialised: consumers start with await app.init().',
    );
  }
  if (!options.roles.consume) {
    throw new ConfigurationError(
      'crashMatrix needs an app that consumes: leave out roles: { consume: false } of its forRoot.',
    );
  }
}
