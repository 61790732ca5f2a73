import type { BrokerByEngine, Transport } from '../../src/index.js';
import { type JetstreamOptions, jetstream } from '../../src/jetstream/index.js';
import { type RabbitmqOptions, rabbitmq } from '../../src/rabbitmq/index.js';
import { OwnJetstream } from '../support/own-jetstream.js';
import { OwnRabbitmq } from '../support/own-rabbitmq.js';

export type EngineName = 'rabbitmq' | 'jetstream';

/** A server of a run's own. */
export interface OwnServer {
  readonly url: string;
  kill(): Promise<void>;
  startAgain(): Promise<void>;
  close(): Promise<void>;
}

interface EngineOfRun {
  start: () => Promise<OwnServer>;
  /** As JSON, for workers too. What is lost is to be noticed soon. */
  optionsFor: (url: string) => object;
  brokerOf: (options: object, through?: (broker: Transport) => Transport) => BrokerByEngine;
}

/** The engines that a counted run can have in the broker's place. */
export const ENGINES: Record<EngineName, EngineOfRun> = {
  rabbitmq: {
    start: () => OwnRabbitmq.start(),
    optionsFor: (url) => ({ url, timeoutMs: 2_000, heartbeatSeconds: 2 }),
    brokerOf: (options, through) => rabbitmq({ ...(options as RabbitmqOptions), through }),
  },
  jetstream: {
    start: () => OwnJetstream.start(),
    optionsFor: (url) => ({ url, timeoutMs: 2_000, heartbeatSeconds: 2, ackWaitMs: 2_000 }),
    brokerOf: (options, through) => jetstream({ ...(options as JetstreamOptions), through }),
  },
};
