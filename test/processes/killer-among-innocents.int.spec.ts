import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestApp, startApp } from '../support/app.js';
import { bundle } from '../support/bundle.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

const INNOCENTS = 500;
const KILLER = 'P-KILLER';

/** A message that kills its process reaches the dead letters, and takes none of its neighbours along. */
const ways = engines.flatMap((engine) => [
  { engine, way: '', batch: undefined },
  { engine, way: ', in batches', batch: '25' },
]);

describe.each(ways)('one killer among 500 innocents, on $engine$way', ({ engine, batch }) => {
  let database: TestDatabase;
  let app: TestApp;
  let worker: ChildProcess | undefined;
  let deaths = 0;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, {
      entities: [PaymentTable, CardTable],
      options: { roles: { consume: false, sweep: false } },
    });
    deaths = 0;
  });

  afterEach(async () => {
    worker?.kill('SIGKILL');
    await app.close();
    await database.drop();
  });

  it('ends with 500 cards, one dead letter and the killer as its only victim', async () => {
    const half = Array.from({ length: INNOCENTS / 2 }, (_, i) => i);
    const ids = [...half.map((i) => `P-a${i}`), KILLER, ...half.map((i) => `P-b${i}`)];
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });

    while (!(await isDone())) await runWorkerUntilItDiesOrIsDone();

    const cards = await app.dataSource.getRepository(CardRow).find();
    expect(new Set(cards.map(({ paymentId }) => paymentId)).size).toBe(INNOCENTS);
    expect(cards).toHaveLength(INNOCENTS);
    const letters = await app.broker.deadLetters.list();
    expect(letters.map(({ bizId, reason, failures }) => ({ bizId, reason, failures }))).toEqual([
      { bizId: KILLER, reason: 'process-lost', failures: 0 },
    ]);
    // Once in company, twice alone: the limit of this worker.
    expect(deaths).toBe(3);
  }, 240_000);

  async function isDone(): Promise<boolean> {
    const letters = await app.broker.deadLetters.list();
    return letters.length > 0 && (await app.dataSource.getRepository(CardRow).count()) >= INNOCENTS;
  }

  /** Restarts what was killed, as a supervisor would. */
  async function runWorkerUntilItDiesOrIsDone(): Promise<void> {
    worker = spawn(process.execPath, [await bundle(join(__dirname, 'worker.ts'))], {
      env: {
        ...process.env,
        WORKER_DATABASE: JSON.stringify(database.options),
        ...(batch && { WORKER_BATCH: batch }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(worker, 'exit') as Promise<[number | null, string | null]>;
    for await (const line of createInterface({ input: worker.stdout! })) {
      const ended = line === 'acknowledged' || line === 'dead-lettered';
      if (ended && (await isDone())) worker.kill('SIGTERM');
    }
    const [code, signal] = await exited;
    if (signal === 'SIGKILL') deaths++;
    else if (signal !== 'SIGTERM') throw new Error(`the worker ended with ${code ?? signal}`);
  }
});
