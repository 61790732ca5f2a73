import { transportContract } from '../../src/testing/index.js';
import { engines } from '../support/engines.js';
import { jetstreamUrl } from '../support/jetstream.js';
import { rabbitmqUrl } from '../support/rabbitmq.js';
import { jetstreamWorld, localWorld, rabbitmqWorld, serviceWorld } from './worlds.js';

// Property: every transport that the library has keeps the contract of transports.

const TRANSPORTS = {
  local: localWorld,
  service: serviceWorld,
  rabbitmq: rabbitmqWorld,
  jetstream: jetstreamWorld,
};
const MISSING: Record<string, string | undefined> = {
  ...(!rabbitmqUrl && { rabbitmq: 'no RabbitMQ could be had' }),
  ...(!jetstreamUrl && { jetstream: 'no NATS server could be had' }),
};

describe.each(engines)('on %s', (engine) => {
  describe.each(Object.entries(TRANSPORTS))('the transport %s', (name, open) => {
    const missing = MISSING[name];
    for (const { name: promise, run } of transportContract(() => open(engine))) {
      if (missing) it.skip(`${promise} (${missing})`, run);
      else it(promise, run);
    }
  });
});
