import { Test } from '@nestjs/testing';
import {
  BrokerService,
  IdempotentMqBrokerModule,
  type IdempotentMqBrokerOptions,
  IdempotentMqEvents,
} from '../../src/index.js';
import type { TestDatabase } from './engines.js';

export interface TestService {
  readonly url: string;
  readonly broker: BrokerService;
  readonly events: IdempotentMqEvents;
  close(): Promise<void>;
}

/** The broker as a service on this database, on a port of its own. */
export async function startService(
  { options: dataSource }: Pick<TestDatabase, 'options'>,
  options: Partial<IdempotentMqBrokerOptions> = {},
): Promise<TestService> {
  const testing = await Test.createTestingModule({
    imports: [
      IdempotentMqBrokerModule.forRoot({
        dataSource,
        schema: 'ensure',
        listen: { port: 0 },
        shutdownTimeoutMs: 2_000,
        ...options,
      }),
    ],
  }).compile();
  await testing.init();
  return {
    url: testing.get(IdempotentMqBrokerModule).url!,
    broker: testing.get(BrokerService),
    events: testing.get(IdempotentMqEvents),
    close: () => testing.close(),
  };
}
