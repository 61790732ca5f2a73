import { JETSTREAM_CAPABILITIES } from '../../src/jetstream/jetstream.engine.js';
import { RABBITMQ_CAPABILITIES } from '../../src/rabbitmq/rabbitmq.engine.js';
import { transportContract } from '../../src/testing/index.js';
import { OWN_BROKER } from '../../src/transport/capabilities.js';
import { engines } from '../support/engines.js';
import { jetstreamUrl } from '../support/jetstream.js';
import { rabbitmqUrl } from '../support/rabbitmq.js';
import { jetstreamWorld, localWorld, rabbitmqWorld, serviceWorld } from './worlds.js';

// Property: every transport that the library has keeps the contract of transports.

const TRANSPORTS = {
  local: { open: localWorld, capabilities: OWN_BROKER },
  service: { open: serviceWorld, capabilities: OWN_BROKER },
  rabbitmq: { open: rabbitmqWorld, capabilities: RABBITMQ_CAPABILITIES },
  jetstream: { open: jetstreamWorld, capabilities: JETSTREAM_CAPABILITIES },
};
const MISSING: Record<string, string | undefined> = {
  ...(!rabbitmqUrl && { rabbitmq: 'no RabbitMQ could be had' }),
  ...(!jetstreamUrl && { jetstream: 'no NATS server could be had' }),
};

describe.each(engines)('on %s', (engine) => {
  describe.each(Object.entries(TRANSPORTS))('the transport %s', (name, { open, capabilities }) => {
    const missing = MISSING[name];
    for (const { name: promise, only, applies, run } of transportContract(() => open(engine))) {
      if (missing) it.skip(`${promise} (${missing})`, run);
      else if (!applies(capabilities)) it.skip(`${promise} (it does not declare ${only})`, run);
      else it(promise, run);
    }

    // Else a promise would be left out that it makes.
    const declares = async () => {
      const world = await open(engine);
      const { capabilities: declared } = world.transport;
      await world.close();
      expect(declared).toEqual(capabilities);
    };
    if (missing) it.skip(`declares what it is checked by (${missing})`, declares);
    else it('declares what it is checked by', declares);
  });
});
