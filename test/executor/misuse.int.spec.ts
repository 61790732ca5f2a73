import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

describe.each(engines)('IdempotentExecutor.run, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database);
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  it('refuses a call without work, and leaves the key unused', async () => {
    const key = { scenario: 'github-webhook', bizId: 'W-1' };
    await expect(app.executor.run(key, undefined as never)).rejects.toThrow(
      'IdempotentExecutor.run(key, work) must be a function of the manager (got undefined)',
    );
    expect(await app.executor.run(key, async () => 'done')).toEqual({ executed: true, result: 'done' });
  });
});
