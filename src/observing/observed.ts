import type { ModuleRef } from '@nestjs/core';
import { ConfigurationError } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import { getBrokerRuntimeToken, getRuntimeToken } from '../idempotent-mq.tokens.js';
import type { Status } from '../operate/index.js';
import type { Loops } from '../waiting/index.js';

/** What metrics and health checks see of one instance of the library. */
export interface Observed {
  readonly events: Pick<IdempotentMqEvents, 'of'>;
  readonly loops: Pick<Loops, 'list'>;
  readonly operations: { status(): Promise<Status> };
}

/**
 * Finds an instance of `IdempotentMqModule` in an app, wherever it was imported; or, without a name, the broker as a
 * service.
 *
 * @throws ConfigurationError when there is none
 */
export function observedIn(
  moduleRef: Pick<ModuleRef, 'get'>,
  name: string | undefined,
  by: string,
): Observed {
  const tokens = [getRuntimeToken(name), ...(name === undefined ? [getBrokerRuntimeToken()] : [])];
  for (const token of tokens) {
    try {
      return moduleRef.get<Observed>(token, { strict: false });
    } catch {
      // Nest says so by an error. The next one may be there.
    }
  }
  const meant =
    name === undefined ? 'IdempotentMqModule without a name' : `IdempotentMqModule with the name ${name}`;
  throw new ConfigurationError(
    `${by} has nothing to observe: there is no ${meant} in this app. Import IdempotentMqModule.forRoot({ … }) beside it, and give ${by} { instance } the name that forRoot({ name }) has.`,
  );
}
