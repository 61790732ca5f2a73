import { Injectable, Logger } from '@nestjs/common';
import { AtLeastOnceConsumer, IdempotentConsumer, type IdempotentMqOptions } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { PaymentSucceeded } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: a lease that one statement of a renewal may outlast is legal, and is told of once when the app starts. A
// handler may take longer than its lease, which is renewed, and nobody is told of that.

@Injectable()
class Handlers {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(): Promise<void> {}

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms' })
  async text(): Promise<never> {
    throw new Error('not called');
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'points', leaseMs: 30_000 })
  async count(): Promise<void> {}
}

describe.each(engines)('leases on %s', (engine) => {
  let database: TestDatabase;
  let warned: string[];

  beforeEach(async () => {
    warned = [];
    jest
      .spyOn(Logger.prototype, 'warn')
      .mockImplementation((line: unknown) => void warned.push(String(line)));
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await database.drop();
  });

  const start = async (options: IdempotentMqOptions) => {
    const app = await startApp(database, { providers: [Handlers], options });
    await app.close();
  };

  const [option, standard] =
    engine === 'sqlite' ? ['sqlite.writeWaitMs', 10_000] : ['statementTimeoutMs', 15_000];

  it('that are shorter than a renewal may take are told of in one line that names both', async () => {
    await start({ consumers: { leaseMs: standard - 1 } });
    expect(warned).toEqual([
      expect.stringContaining(`leaseMs (${standard - 1}) is shorter than ${option} (${standard}) for `),
    ]);
    expect(warned[0]).toMatch(/Handlers\.issue .*Handlers\.text/);
    expect(warned[0]).toContain(`Raise consumers.leaseMs above ${standard}, or lower ${option}.`);
    expect(warned[0]).not.toContain('Handlers.count');
  });

  it('that are as long, or shorter than a handler may take, are not', async () => {
    await start({ consumers: { leaseMs: standard, timeoutMs: 10 * standard } });
    await start({});
    expect(warned).toEqual([]);
  });
});
