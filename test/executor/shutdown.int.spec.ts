import type { EntityManager } from 'typeorm';
import { type IdempotentWorkContext } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: a shutdown waits for the works of an executor, though no longer than it may take, and undoes what it ends.

const SHUTDOWN_MS = 500;
/** Far below what the works would take, and far above what ending them does. */
const SOON_MS = 8_000;
const aborted = (signal: AbortSignal) => new Promise((resolve) => signal.addEventListener('abort', resolve));
const sleepInTheDatabase = (manager: EntityManager) =>
  manager.query(`SELECT ${manager.dataSource.options.type === 'postgres' ? 'pg_sleep' : 'SLEEP'}(20)`);

describe.each(engines)('closing the app while work of an executor runs, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let begun: Promise<void>;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [CardTable], options: { shutdownTimeoutMs: SHUTDOWN_MS } });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  /** Closes the app once the work has begun, and tells how the work ended. */
  async function closedDuring(
    work: (manager: EntityManager, context: IdempotentWorkContext) => Promise<unknown>,
  ) {
    let begin!: () => void;
    begun = new Promise((resolve) => (begin = resolve));
    const run = app.executor.run({ scenario: 's', bizId: 'b' }, async (manager, context) => {
      await manager.insert(CardRow, { paymentId: 'P-1', issuedBy: 'executor' });
      begin();
      return work(manager, context);
    });
    const ended = run.then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
    await begun;
    const from = performance.now();
    await app.close();
    expect(performance.now() - from).toBeLessThan(SOON_MS);
    return ended;
  }

  async function cardsLeft(): Promise<number> {
    const after = await startApp(database, { entities: [CardTable] });
    try {
      return await after.dataSource.getRepository(CardRow).count();
    } finally {
      await after.close();
    }
  }

  it('commits what finishes after its signal', async () => {
    expect(await closedDuring((_, { signal }) => aborted(signal))).toBe('done');
    expect(await cardsLeft()).toBe(1);
  });

  it('ends what never settles, and leaves nothing of it', async () => {
    expect(await closedDuring(() => new Promise(() => undefined))).toBe('SCOPE_DOOMED');
    expect(await cardsLeft()).toBe(0);
  });

  it('ends what waits for the database, and leaves nothing of it', async () => {
    if (engine === 'sqlite') return expect(engine).toBe('sqlite'); // statements there never wait
    expect(await closedDuring(sleepInTheDatabase)).toBe('SCOPE_DOOMED');
    expect(await cardsLeft()).toBe(0);
  });

  it('ends what waits for the same biz-id of somebody else', async () => {
    const other = await startApp(database, { entities: [CardTable] });
    let settle!: () => void;
    let held!: () => void;
    const holding = new Promise<void>((resolve) => (held = resolve));
    const key = { scenario: 's', bizId: 'b' };
    const first = other.executor.run(key, () => new Promise<void>((resolve) => (held(), (settle = resolve))));
    await holding;
    const second = app.executor.run(key, async () => undefined);
    const refused = expect(second).rejects.toMatchObject({ code: 'SCOPE_DOOMED' });
    const from = performance.now();
    await app.close();
    expect(performance.now() - from).toBeLessThan(SOON_MS);
    await refused;
    settle();
    expect((await first).executed).toBe(true);
    await other.close();
  });

  it('refuses what begins after it', async () => {
    await app.close();
    const run = app.executor.run({ scenario: 's', bizId: 'b' }, async () => undefined);
    await expect(run).rejects.toMatchObject({ code: 'SCOPE_DOOMED' });
  });
});
