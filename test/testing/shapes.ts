import type { IdempotentMqOptions } from '../../src/index.js';
import { type TestDatabase, createDatabase, type Engine, engines } from '../support/engines.js';

export const SHAPES = ['one database', 'a database each'] as const;

export type Shape = (typeof SHAPES)[number];

/** Each engine in each shape. */
export const allPlaces: [Engine, Shape][] = engines.flatMap((engine) =>
  SHAPES.map((shape): [Engine, Shape] => [engine, shape]),
);

/** Each engine and each shape, where each pair takes minutes. MQ_TEST_PLACES=all has every pair. */
export const somePlaces =
  process.env.MQ_TEST_PLACES === 'all'
    ? allPlaces
    : allPlaces.filter(
        ([engine, shape]) => engine === 'sqlite' || (engine === 'mariadb') === (shape === 'one database'),
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
