import type { BrokerByEngine } from '../transport/engine/port.js';
import { JetstreamEngine } from './jetstream.engine.js';
import { type JetstreamOptions, resolveJetstreamOptions } from './jetstream.options.js';

/**
 * NATS JetStream in the broker's place: `IdempotentMqModule.forRoot({ broker: jetstream({ url }) })`. Publishers, topics and
 * handlers stay as they are; docs/transports.md says what is different.
 *
 * @throws InvalidOptionError naming the option and what came
 */
export function jetstream(options: JetstreamOptions): BrokerByEngine {
  const { through, ...resolved } = resolveJetstreamOptions(options);
  return { engine: () => new JetstreamEngine(resolved), ...(through && { through }) };
}
