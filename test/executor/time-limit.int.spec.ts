import type { EntityManager } from 'typeorm';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: work of IdempotentExecutor that never settles holds its connection, its locks and its key no longer than it
// may take, and leaves nothing behind.

const never = () => new Promise<never>(() => undefined);

describe.each(engines)('the time that work of an executor may take, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, {
      entities: [CardTable],
      options: { consumers: { timeoutMs: 300, connections: 1 } },
    });
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const issue = (manager: EntityManager, paymentId: string) =>
    manager.insert(CardRow, { paymentId, issuedBy: 'executor' });
  const cards = (paymentId: string) => app.dataSource.getRepository(CardRow).countBy({ paymentId });

  it.each([
    ['consumers.timeoutMs', 'R-1', undefined],
    ['a timeoutMs of its own', 'R-2', { timeoutMs: 200 }],
  ])('ends with %s: rolled back, its signal aborted, and the next one runs', async (_, bizId, options) => {
    const key = { scenario: 'refund', bizId };
    let signal: AbortSignal | undefined;
    const run = app.executor.run(
      key,
      async (manager, context) => {
        signal = context.signal;
        await issue(manager, bizId);
        await never();
      },
      options,
    );
    await expect(run).rejects.toMatchObject({ code: 'DELIVERY_TIMEOUT' });
    expect(signal?.reason).toMatchObject({ code: 'DELIVERY_TIMEOUT' });
    expect(await cards(bizId)).toBe(0);
    const next = await app.executor.run(key, (manager) => issue(manager, bizId));
    expect(next.executed).toBe(true);
    expect(await cards(bizId)).toBe(1);
  });

  it('refuses what work writes after its time is up', async () => {
    let late: Promise<unknown> | undefined;
    const run = app.executor.run({ scenario: 'refund', bizId: 'R-3' }, async (manager, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      late = issue(manager, 'R-3').catch((error: unknown) => error);
      await late;
    });
    await expect(run).rejects.toMatchObject({ code: 'DELIVERY_TIMEOUT' });
    expect(await late).toMatchObject({ code: 'SCOPE_DOOMED' });
    expect(await cards('R-3')).toBe(0);
  });

  it('is that of the work around it where works are nested', async () => {
    const seen: AbortSignal[] = [];
    await app.executor.run({ scenario: 'outer', bizId: 'R-4' }, async (_, { signal }) => {
      seen.push(signal);
      await app.executor.run({ scenario: 'inner', bizId: 'R-4' }, async (_manager, inner) => {
        seen.push(inner.signal);
      });
    });
    expect(seen[1]).toBe(seen[0]);
  });

  it.each([
    [{ timeoutMs: 0 }, 'timeoutMs must be a whole number'],
    [{ timeoutMs: Infinity }, 'timeoutMs must be a whole number'],
    [{ timeout: 5 }, 'timeout must be left out'],
    [null, 'must be an object'],
    [[], 'must be an object'],
  ])('refuses the options %j before it runs anything', async (options, named) => {
    let ran = false;
    const work = async () => {
      ran = true;
    };
    const run = app.executor.run({ scenario: 'refund', bizId: 'R-5' }, work, options as never);
    await expect(run).rejects.toThrow(named);
    expect(ran).toBe(false);
  });
});
