import type { BrokerByEngine } from '../transport/engine/port.js';
import { RabbitmqEngine } from './rabbitmq.engine.js';
import { type RabbitmqOptions, resolveRabbitmqOptions } from './rabbitmq.options.js';

/**
 * RabbitMQ in the broker's place: `IdempotentMqModule.forRoot({ broker: rabbitmq({ url }) })`. Publishers, topics and
 * handlers stay as they are; docs/transports.md says what is different.
 *
 * @throws InvalidOptionError naming the option and what came
 */
export function rabbitmq(options: RabbitmqOptions): BrokerByEngine {
  const { through, ...resolved } = resolveRabbitmqOptions(options);
  return { engine: () => new RabbitmqEngine(resolved), ...(through && { through }) };
}
