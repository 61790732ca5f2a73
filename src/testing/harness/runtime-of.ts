import type { INestApplicationContext } from '@nestjs/common';
import { ConfigurationError, InvalidOptionError } from '../../errors/index.js';
import type { IdempotentMqRuntime } from '../../idempotent-mq.runtime.js';
import { isByEngine } from '../../options/broker.options.js';
import { getRuntimeToken } from '../../idempotent-mq.tokens.js';
import type { LibraryConnections } from '../../storage/index.js';

/** What a test works on: an instance of the library whose messages are in tables that it can reach. */
export type TestedRuntime = IdempotentMqRuntime & { readonly brokerConnections: LibraryConnections };

/**
 * @param name of the instance, `forRoot({ name })`
 * @throws ConfigurationError when there is no such instance, or its broker is a service or an engine, into which nobody looks from here
 */
export function runtimeOf(app: INestApplicationContext, name?: string): TestedRuntime {
  const runtime = find(app, name);
  if (!isReachable(runtime)) {
    throw new ConfigurationError(
      `A test reaches into the broker's tables, and ${where(runtime)} has its messages to itself: nobody could tell when all are through. ` +
        'Give the app under test a broker that has a database: broker: { dataSource }, or none.',
    );
  }
  return runtime;
}

function find(app: INestApplicationContext, name: string | undefined): IdempotentMqRuntime {
  if (typeof (app as INestApplicationContext | undefined)?.get !== 'function') {
    throw new InvalidOptionError('app', app, 'a Nest app or a TestingModule, after compile() and init()');
  }
  try {
    return app.get<IdempotentMqRuntime>(getRuntimeToken(name), { strict: false });
  } catch (cause) {
    const [which, otherwise] =
      name === undefined
        ? ['without a name', "if it has one, say which it is: { name: 'orders' }"]
        : [`{ name: '${name}' }`, 'give the name that its forRoot has, or none'];
    throw new ConfigurationError(
      `This app imports no IdempotentMqModule.forRoot(…) ${which}: import it, or ${otherwise}.`,
      { cause },
    );
  }
}

function isReachable(runtime: IdempotentMqRuntime): runtime is TestedRuntime {
  return runtime.brokerConnections !== undefined && !isByEngine(runtime.options.broker);
}

function where({ options: { broker } }: IdempotentMqRuntime): string {
  return isByEngine(broker) ? 'an engine in its place' : 'a service';
}
