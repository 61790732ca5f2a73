import { type AppParts, type TestApp, startApp } from '../support/app.js';
import { type Engine, type TestDatabase, createDatabase } from '../support/engines.js';
import type { IdempotentMqOptions } from '../../src/index.js';

/** A business's database and a broker's. */
export interface TwoDatabases {
  business: TestDatabase;
  broker: TestDatabase;
  drop(): Promise<void>;
}

export async function twoDatabases(engine: Engine, create = createDatabase): Promise<TwoDatabases> {
  const business = await create(engine);
  const broker = await create(engine);
  return {
    business,
    broker,
    drop: async () => {
      await business.drop();
      await broker.drop();
    },
  };
}

type Through = NonNullable<IdempotentMqOptions['broker']>['through'];

/** An app whose broker is in another database. Its relay looks often, and sends again soon. */
export function startApart(
  { business, broker }: Pick<TwoDatabases, 'business' | 'broker'>,
  { through, ...parts }: AppParts & { through?: Through } = {},
): Promise<TestApp> {
  return startApp(business, {
    ...parts,
    options: {
      ...parts.options,
      broker: { dataSource: broker.options, ...(through && { through }) },
      relay: { pollMs: 20, delayMs: 10, maxDelayMs: 50, ackTimeoutMs: 5_000, ...parts.options?.relay },
    },
  });
}
