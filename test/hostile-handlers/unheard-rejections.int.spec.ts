import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestApp, startApp } from '../support/app.js';
import { bundle } from '../support/bundle.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

/** Property: a statement that fails while nobody waits for it ends its delivery's attempt, and not the process. */

describe.each(engines)('statements that fail unheard while their handler runs, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let worker: ChildProcess | undefined;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, {
      entities: [PaymentTable, CardTable],
      options: { roles: { consume: false, sweep: false } },
    });
  });

  afterEach(async () => {
    worker?.kill('SIGKILL');
    await app.close();
    await database.drop();
  });

  it('are failures of their own deliveries only', async () => {
    const unheard = ['P-query', 'P-insert', 'P-nested', 'P-outer'];
    // PostgreSQL commits nothing after an error, whoever has heard of it.
    const [handled, failed] = engine === 'postgres' ? [[], ['P-handled']] : [['P-handled'], []];
    const { ends, exit } = await consume([...unheard, 'P-handled', 'P-healthy']);

    expect(exit).toBe('SIGTERM');
    expect(ends.sort()).toEqual([
      ...[...handled, 'P-healthy'].map((id) => `acknowledged ${id}`),
      ...[...unheard, ...failed].map((id) => `dead-lettered ${id}`).sort(),
    ]);
    const letters = (await app.broker.deadLetters.list()).filter(({ bizId }) => unheard.includes(bizId));
    expect(letters.map(({ failures, lostLeases }) => [failures, lostLeases])).toEqual(Array(4).fill([2, 0]));
    for (const { errors } of letters) {
      expect(errors.map(({ error }) => error)).toEqual(
        Array(2).fill(expect.stringMatching(/an await is missing/)),
      );
    }
    const cards = await app.dataSource.getRepository(CardRow).find();
    expect(cards.map(({ paymentId }) => paymentId).sort()).toEqual([...handled, 'P-healthy']);
  }, 60_000);

  it("does not keep a rejection of the app's own from ending the process, as it would without the library", async () => {
    const { exit } = await consume(['P-apps-own']);
    expect(exit).toBe(1);
  }, 60_000);

  /** @returns how the deliveries ended, and the process: by itself, or by the signal that it gets when they are through */
  async function consume(ids: string[]): Promise<{ ends: string[]; exit: number | string | null }> {
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    worker = spawn(process.execPath, [await bundle(join(__dirname, 'unheard.worker.ts'))], {
      env: {
        ...process.env,
        WORKER_DATABASE: JSON.stringify(database.options),
        ...(app.isApart && { WORKER_BROKER: JSON.stringify(app.brokerDataSource.options) }),
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const exited = once(worker, 'exit') as Promise<[number | null, string | null]>;
    const ends: string[] = [];
    for await (const line of createInterface({ input: worker.stdout! })) {
      ends.push(line);
      if (ends.length === ids.length) worker.kill('SIGTERM');
    }
    const [code, signal] = await exited;
    return { ends, exit: code ?? signal };
  }
});
