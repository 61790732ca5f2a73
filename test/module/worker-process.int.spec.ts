import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestApp } from '../support/app.js';
import { startBroker } from '../support/broker.js';
import { bundle } from '../support/bundle.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

/** A process that only consumes lives as long as it is wanted, and no longer. */

describe.each(engines)('a worker without an HTTP server, on %s', (engine) => {
  let database: TestDatabase;
  let web: TestApp;
  let worker: ChildProcess;

  beforeEach(async () => {
    database = await createDatabase(engine);
    web = await startBroker(database, { entities: [CardTable] });
    const program = await bundle(join(__dirname, 'fixtures/worker.ts'));
    worker = fork(program, [JSON.stringify(database.options)], { execArgv: [] });
    expect(await once(worker, 'message')).toEqual(['ready', undefined]);
  });

  afterEach(async () => {
    worker.kill('SIGKILL');
    await web.close();
    await database.drop();
  });

  /** The second payment comes when an idle process without timers would be gone. */
  const consumeTwo = async () => {
    for (const id of ['P-1', 'P-2']) {
      const issued = once(worker, 'message');
      await web.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
      expect(await issued).toEqual([`issued ${id}`, undefined]);
    }
  };

  // How Nest handles signals does not depend on the database.
  if (engine === 'sqlite')
    it('consumes until SIGTERM, finishes what it does, and exits', async () => {
      await consumeTwo();
      const exited = once(worker, 'exit');
      worker.kill('SIGTERM');
      expect(await exited).toEqual([null, 'SIGTERM']);
      expect(await web.dataSource.getRepository(CardRow).count()).toBe(2);
    });

  it('has nothing open after close(), so that the process exits by itself', async () => {
    await consumeTwo();
    const exited = once(worker, 'exit');
    worker.send('close');
    expect(await exited).toEqual([0, null]);
  });
});
