import type { IdempotentMqOptions } from '../../src/index.js';
import { type TestDatabase, createDatabase, type Engine, engines } from '../support/engines.js';

export const SHAPES = ['one database', 'a database each'] as const;

export type Shape = (typeof SHAPES)[number];

/** Each engine in each shape. */
export const places: [Engine, Shape][] = engines.flatMap((engine) =>
  SHAPES.map((shape): [Engine, Shape] => [engine, shape]),
);

export interface Place {
  readonly database: TestDatabase;
  readonly options: Pick<IdempotentMqOptions, 'broker'>;
  drop(): Promise<void>;
}

export async function createPlace(engine: Engine, shape: Shape): Promise<Place> {
  const database = await createDatabase(engine);
  if (shape === 'one database') {
    // Also where the whole suite runs with the broker elsewhere.
    return { database, options: {}, drop: () => database.drop() };
  }
  const broker = await createDatabase(engine);
  return {
    database,
    options: { broker: { dataSource: broker.options } },
    drop: async () => {
      await database.drop();
      await broker.drop();
    },
  };
}
