import type { BrokerByEngine } from '../../src/index.js';
import { createJetstream, describeJetstream } from './jetstream.js';
import { createRabbitmq, describeRabbitmq } from './rabbitmq.js';

/** An engine in the broker's place, as what holds for each of them needs it. */
export interface TestEngine {
  readonly url: string;
  readonly prefix: string;
  broker(options?: { url?: string }): BrokerByEngine;
  drop(): Promise<void>;
}

export type EngineInPlace = 'rabbitmq' | 'jetstream';

/** Specs that hold for each engine; those of one that could not be had are skipped, and say so. */
export function describeEachInPlace(
  name: (engine: string) => string,
  specs: (create: () => TestEngine, engine: EngineInPlace) => void,
): void {
  describeRabbitmq(name('RabbitMQ'), () => specs(() => createRabbitmq(), 'rabbitmq'));
  describeJetstream(name('JetStream'), () => specs(() => createJetstream(), 'jetstream'));
}
