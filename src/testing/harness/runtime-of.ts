import type { INestApplicationContext } from '@nestjs/common';
import { ConfigurationError } from '../../errors/index.js';
import type { IdempotentMqRuntime } from '../../idempotent-mq.runtime.js';
import { getRuntimeToken } from '../../idempotent-mq.tokens.js';
import type { LibraryConnections } from '../../storage/index.js';

/** What a test works on: an instance of the library whose tables it can reach. */
export type TestedRuntime = IdempotentMqRuntime & { readonly brokerConnections: LibraryConnections };

/**
 * @param name of the instance, `forRoot({ name })`
 * @throws ConfigurationError when its broker is a service, whose tables nobody reaches from here
 */
export function runtimeOf(app: INestApplicationContext, name?: string): TestedRuntime {
  const runtime = app.get<IdempotentMqRuntime>(getRuntimeToken(name), { strict: false });
  if (!isReachable(runtime)) {
    throw new ConfigurationError(
      "A test reaches into the broker's tables, which a service has to itself. " +
        'Give the app under test a broker that has a database: broker: { dataSource }, or none.',
    );
  }
  return runtime;
}

function isReachable(runtime: IdempotentMqRuntime): runtime is TestedRuntime {
  return runtime.brokerConnections !== undefined;
}
