import type { DynamicModule, INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { TypeOrmModuleOptions } from '@nestjs/typeorm';
import { ReplaySubject, filter, firstValueFrom, take, timeout, toArray } from 'rxjs';
import {
  type IdempotentMqEvent,
  type IdempotentMqEvents,
  type IdempotentMqOptions,
  getIdempotentMqEventsToken,
} from '../../../src/index.js';
import type { TestDatabase } from '../../support/engines.js';

/** Options that no test waits long with. */
export const quick: IdempotentMqOptions = {
  schema: 'ensure',
  shutdownTimeoutMs: 2_000,
  consumers: { pollMs: 20, retry: { delayMs: 10, maxDelayMs: 50 } },
};

export function typeOrm(database: TestDatabase, more: Partial<TypeOrmModuleOptions> = {}): DynamicModule {
  const options = { ...database.options, synchronize: true, retryAttempts: 0, ...more };
  return TypeOrmModule.forRoot(options as TypeOrmModuleOptions);
}

/** An app made of these modules, started, for tests of how the library is registered. */
export async function startModules(metadata: ModuleMetadata): Promise<INestApplicationContext> {
  const testing = await Test.createTestingModule(metadata).compile();
  try {
    return await testing.init();
  } catch (error) {
    await testing.close();
    throw error;
  }
}

/** Begins to listen to an instance, so that nothing is missed from here on. */
export function listen(nest: INestApplicationContext, name?: string) {
  const events = new ReplaySubject<IdempotentMqEvent>();
  nest.get<IdempotentMqEvents>(getIdempotentMqEventsToken(name), { strict: false }).events$.subscribe(events);
  return (type: IdempotentMqEvent['type'], count = 1): Promise<IdempotentMqEvent[]> =>
    firstValueFrom(
      events.pipe(
        filter((event) => event.type === type),
        take(count),
        toArray(),
        timeout(40_000),
      ),
    );
}
