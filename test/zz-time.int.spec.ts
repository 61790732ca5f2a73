import { startApp } from './support/app.js';
import { createDatabase, engines } from './support/engines.js';

it.each(engines)('%s', async (engine) => {
  const sums: Record<string, number> = { create: 0, start: 0, close: 0, drop: 0 };
  for (let i = 0; i < 12; i++) {
    let at = performance.now();
    const lap = (what: string) => {
      const now = performance.now();
      if (i >= 2) sums[what] = sums[what]! + (now - at) / 10;
      at = now;
    };
    const database = await createDatabase(engine);
    lap('create');
    const app = await startApp(database, {});
    lap('start');
    await app.close();
    lap('close');
    await database.drop();
    lap('drop');
  }
  console.log(engine, JSON.stringify(sums));
});
