import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import {
  IdempotentConsumer,
  RejectMessageError,
  RetryLaterError,
  defineTopic,
  type PayloadOf,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';

/** What is logged without anybody having subscribed to anything. */

const Unheard = defineTopic<{ id: string }>({ name: 'unheard', bizId: ({ id }) => id });

@Injectable()
class CardIssuing {
  failure: (() => unknown) | undefined;
  failures = Infinity;
  /** Decides whether to retry; its answer is a promise where somebody forgot that nobody waits for it. */
  static lookUp: () => boolean = () => true;

  constructor(private readonly dataSource: DataSource) {}

  @IdempotentConsumer(PaymentSucceeded, {
    group: 'card-issuing',
    retry: { attempts: 3, retryIf: () => CardIssuing.lookUp() },
  })
  async issue(_paid: PayloadOf<typeof PaymentSucceeded>): Promise<void> {
    if (this.failures-- > 0) await this.failure?.();
  }

  outside(): Promise<unknown> {
    return this.dataSource.query('SELECT 1');
  }
}

const HANDLER = 'CardIssuing.issue (group card-issuing, topic payment.succeeded)';

describe.each(engines)('the log, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  const lines: Record<'log' | 'warn' | 'error', string[]> = { log: [], warn: [], error: [] };

  beforeEach(async () => {
    for (const level of ['log', 'warn', 'error'] as const) {
      lines[level] = [];
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((...args: unknown[]) => void lines[level].push(String(args[0])));
    }
    CardIssuing.lookUp = () => true;
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [CardIssuing] });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  const pay = (failure: () => unknown, failures = Infinity) => {
    Object.assign(app.nest.get(CardIssuing), { failure, failures });
    return app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
  };

  const throwing = (error: Error) => () => {
    throw error;
  };

  it('says at start which handlers consume what', () => {
    expect(lines.log).toContain(`Consuming: ${HANDLER}`);
  });

  it("shows a delivery's first failure with its stack, and then its dead letter", async () => {
    await pay(throwing(new Error('out of cards')));
    await app.events('dead-lettered');
    expect(lines.warn).toEqual([
      expect.stringMatching(/failed for P-1, attempt 1 of 3, again in \d+ ms: Error: out of cards\n +at /),
    ]);
    expect(lines.warn[0]).toContain(HANDLER);
    expect(lines.error).toEqual([
      expect.stringMatching(
        /^Dead letter \(failed\): P-1 for .*broker\.deadLetters.*: Error: out of cards\n +at /,
      ),
    ]);
    expect(lines.error[0]).toContain(HANDLER);
  });

  it('shows what was used in the wrong way', async () => {
    await pay(() => app.nest.get(CardIssuing).outside(), 1);
    await app.events('acknowledged');
    expect(lines.warn).toEqual([expect.stringContaining('OuterDataSourceError: ')]);
    expect(lines.warn[0]).toContain('delivery.manager.withRepository(repository)');
  });

  it('shows no failure where the handler asked to have it later', async () => {
    let calls = 0;
    await pay(() => {
      calls++;
      throw calls === 2 ? new Error('out of cards') : new RetryLaterError({ delayMs: 1 });
    }, 4);
    await app.events('acknowledged');
    expect(lines.warn).toHaveLength(1);
  });

  it('says once that retryIf answers with something else than true or false', async () => {
    CardIssuing.lookUp = () => Promise.resolve(false) as unknown as boolean;
    await pay(throwing(new Error('out of cards')));
    await app.events('dead-lettered');
    expect(app.seen.filter(({ type }) => type === 'retry-scheduled')).toHaveLength(2);
    expect(lines.error).toEqual([
      expect.stringContaining(`retry.retryIf of ${HANDLER} must be a function that returns true or false`),
      expect.stringMatching(/^Dead letter \(failed\)/),
    ]);
    expect(lines.error[0]).toContain('(got a promise)');
  });

  it('shows at once what was rejected', async () => {
    await pay(throwing(new RejectMessageError('nothing was paid')));
    await app.events('dead-lettered');
    expect(lines.error).toEqual([expect.stringContaining('nothing was paid')]);
    expect(lines.warn).toEqual([]);
  });

  it('has nothing that a terminal would obey, whatever biz-ids and errors say', async () => {
    app.nest.get(CardIssuing).failure = throwing(
      new RejectMessageError('no\u001b]0;title\u0007 paper\u202e'),
    );
    await app.outbox.publish(PaymentSucceeded, payment('P-\u001b[2J\n1'), { standalone: true });
    await app.events('dead-lettered');
    expect(lines.error).toEqual([
      expect.stringMatching(
        /^Dead letter \(rejected\): P-\\u001b\[2J\\u000a1 for .*: no\\u001b\]0;title\\u0007 paper\\u202e\n +at /,
      ),
    ]);
  });

  it('says of what has expired that it has, in one line and without a stack', async () => {
    await app.broker.groups.pause({ group: 'card-issuing' });
    const expiresAt = new Date(Date.now() + 50);
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true, expiresAt });
    await until('its time is over', () => Date.now() > expiresAt.getTime());
    await app.broker.groups.resume({ group: 'card-issuing' });
    await app.events('dead-lettered');
    expect(lines.error).toEqual([]);
    expect(lines.warn).toEqual([
      `Expired: P-1 for ${HANDLER}; it is in the dead letters. Its time (expiresAt) was over before it could be handled.`,
    ]);
    const [letter] = await app.broker.deadLetters.list();
    expect(letter!.errors[0]!.error).not.toContain('\n');
  });

  it('says once for each consumer that its retryIf throws', async () => {
    CardIssuing.lookUp = throwing(new Error('no such status'));
    Object.assign(app.nest.get(CardIssuing), { failure: throwing(new Error('out of cards')) });
    for (const id of ['P-1', 'P-2'])
      await app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
    await app.events('dead-lettered', 2);
    expect(lines.error.filter((line) => line.startsWith('The retryIf of'))).toEqual([
      `The retryIf of ${HANDLER} threw, so its failures are tried again: Error: no such status`,
    ]);
  });

  it('says once that a topic has no group yet, and what may be the cause', async () => {
    for (const id of ['1', '2']) await app.outbox.publish(Unheard, { id }, { standalone: true });
    await app.events('parked', 2);
    expect(lines.warn).toEqual([
      expect.stringMatching(/^unheard has no group yet.*providers.*roles\.consume/),
    ]);
  });
});
