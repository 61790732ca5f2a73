import type { INestApplicationContext } from '@nestjs/common';
import { ConfigurationError, InvalidOptionError } from '../../errors/index.js';
import type { TestedRuntime } from '../harness/runtime-of.js';
import { checkMs } from '../check-ms.js';
import type { CrashMatrixOptions } from './crash-matrix.js';

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
