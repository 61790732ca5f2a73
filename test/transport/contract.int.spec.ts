import { transportContract } from '../../src/testing/index.js';
import { engines } from '../support/engines.js';
import { rabbitmqUrl } from '../support/rabbitmq.js';
import { localWorld, rabbitmqWorld, serviceWorld } from './worlds.js';

// Property: every transport that the library has keeps the contract of transports.

const TRANSPORTS = { local: localWorld, service: serviceWorld, rabbitmq: rabbitmqWorld };

describe.each(engines)('on %s', (engine) => {
  describe.each(Object.entries(TRANSPORTS))('the transport %s', (name, open) => {
    const isMissing = name === 'rabbitmq' && !rabbitmqUrl;
    for (const { name: promise, run } of transportContract(() => open(engine))) {
      if (isMissing) it.skip(`${promise} (no RabbitMQ could be had)`, run);
      else it(promise, run);
    }
  });
});
