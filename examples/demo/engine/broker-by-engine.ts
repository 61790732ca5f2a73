import type { BrokerByEngine, Transport } from '../../../src/index.js';
import { jetstream } from '../../../src/jetstream/index.js';
import { rabbitmq } from '../../../src/rabbitmq/index.js';

/** How a system reaches the engine that is in the broker's place. */
export interface EngineAddress {
  /** That of a line to it. */
  url: string;
  /** What the names of its queues or streams begin with: those of this run. */
  prefix: string;
}

/** What is lost is to be noticed soon. */
const SOON = { timeoutMs: 2_000, heartbeatSeconds: 2 };
/** The least that JetStream takes: then what a killed worker held comes again. */
const ACK_WAIT_MS = 2_000;

export function brokerByEngine(
  { url, prefix }: EngineAddress,
  through: (engine: Transport) => Transport,
): BrokerByEngine {
  if (url.startsWith('amqp:')) return rabbitmq({ url, prefix, ...SOON, through });
  // A cluster would tell its clients of ways around the line.
  const client = { ignoreClusterUpdates: true };
  return jetstream({ url, prefix, ...SOON, ackWaitMs: ACK_WAIT_MS, client, through });
}
