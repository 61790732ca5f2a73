import { Logger, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule, type IdempotentMqOptions, type Topic } from '../../src/index.js';
import {
  type CrashMatrixOptions,
  CrashMatrixError,
  MqTestHarness,
  type MatrixRun,
  crashMatrix,
} from '../../src/testing/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import {
  AccountRow,
  AccountTable,
  Correct,
  Deposited,
  LocksThenWritesAlone,
  MailsLater,
  WaitsForEver,
  WritesLater,
} from './seeded-bugs.js';

// Each failure is on purpose.
Logger.overrideLogger(false);

/** A matrix that was asked in a wrong way says so, in time: who reads "passed" relies on it. */
describe('crashMatrix', () => {
  let database: TestDatabase;
  let app: TestApp;

  const start = async (handler: Type, options: Partial<IdempotentMqOptions> = {}, engine = engines[0]!) => {
    database = await createDatabase(engine);
    app = await startApp(database, {
      entities: [CardTable, AccountTable],
      providers: [handler],
      options: { consumers: { pollMs: 10 }, ...options },
    });
  };

  afterEach(async () => {
    await app?.close();
    await database?.drop();
  });

  const publish = <P>(topic: Topic<P>, payload: P) =>
    app.outbox.publish(topic, payload, { standalone: true });
  const pay = ({ id }: MatrixRun) => publish(PaymentSucceeded, payment(id));
  const cards = ({ id }: MatrixRun) => app.dataSource.getRepository(CardRow).countBy({ paymentId: id });
  const failure = async (options: Partial<CrashMatrixOptions>): Promise<Error> => {
    const given = { publish: pay, observe: cards, timeoutMs: 5_000, ...options };
    return crashMatrix(app.nest, given).then(
      ({ passed }) => new Error(`passed ${passed.length} points`),
      (error: Error) => error,
    );
  };
  const forEver = () => new Promise<never>(() => undefined);

  it.each<[string, Partial<CrashMatrixOptions>, RegExp]>([
    [
      'observes nothing',
      { observe: () => undefined },
      /observe sees nothing of what was published: .* undefined/,
    ],
    [
      'asks whether there is one',
      { observe: async ({ id }) => (await cards({ id: `${id}/card` })) > 0 },
      /observe returned true, which is the same for one effect and for two/,
    ],
    ['observes what is no number', { observe: () => NaN }, /observe sees nothing of what was published/],
    [
      'observes a promise',
      { observe: (run) => ({ cards: new Map([['one', cards(run)]]) }) },
      /a promise in observe\(\)\.cards\.one: await it/,
    ],
    ['observes for ever', { observe: forEver, timeoutMs: 500 }, /observe has not returned after 500 ms/],
    ['publishes for ever', { publish: forEver, timeoutMs: 500 }, /publish has not returned after 500 ms/],
    [
      'fails to publish',
      { publish: () => Promise.reject(new Error('no money')) },
      /the undisturbed run[^]*publish threw Error: no money/,
    ],
    [
      'throws nothing to speak of',
      { observe: () => Promise.reject(undefined) },
      /the undisturbed run[^]*observe threw undefined/,
    ],
  ])('fails when it %s, and says so', async (_, options, message) => {
    await start(Correct);
    const error = await failure(options);
    expect(error).toBeInstanceOf(CrashMatrixError);
    expect(error.message).toMatch(message);
  });

  it.each<[string, Partial<CrashMatrixOptions>, RegExp]>([
    ['nothing to publish', { publish: undefined }, /\{ publish \}\) must be a function \(got undefined\)/],
    ['a time limit that is none', { timeoutMs: NaN }, /\{ timeoutMs \}\) must be a whole number/],
    ['an instance that is not there', { name: 'x' }, /no IdempotentMqModule\.forRoot\(…\) \{ name: 'x' \}/],
  ])('refuses %s', async (_, options, message) => {
    await start(Correct);
    expect((await failure(options)).message).toMatch(message);
  });

  it('refuses an app that consumes nothing', async () => {
    await start(Correct, { roles: { consume: false } });
    expect((await failure({})).message).toMatch(/leave out roles: \{ consume: false \}/);
  });

  it('refuses what is no app, and one that is not initialised', async () => {
    database = await createDatabase('sqlite');
    const options = { publish: async () => undefined, observe: () => 1 };
    await expect(crashMatrix(undefined as never, options)).rejects.toThrow('app must be a Nest app');
    const early = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...database.options }),
        IdempotentMqModule.forRoot({ schema: 'ensure' }),
      ],
    }).compile();
    await expect(crashMatrix(early, options)).rejects.toThrow('await app.init()');
    await early.close();
  });

  it('refuses a second one beside the first, which is not disturbed by it', async () => {
    await start(Correct);
    const first = crashMatrix(app.nest, { publish: pay, observe: ({ id }) => cards({ id: `${id}/card` }) });
    expect((await failure({})).message).toMatch(/under way in this app already/);
    expect((await first).passed.length).toBeGreaterThan(8);
    // And it is over then.
    expect((await failure({ observe: () => 1 })).message).toMatch(/observe sees nothing/);
  });

  it('ends with the run that does not end, and says what was not tried', async () => {
    await start(WaitsForEver);
    const error = (await failure({ timeoutMs: 500 })) as CrashMatrixError;
    app.nest.get(WaitsForEver).letGo();
    expect(error.broken).toHaveLength(1);
    expect(error.message).toMatch(/did not come to its end\. Still on its way after 500 ms/);
    expect(error.message).toMatch(/Not tried:[^]*the \d+ points behind it: that run did not come to its end/);
  });

  it('finds what comes when its handler has returned', async () => {
    await start(MailsLater);
    const { mails } = app.nest.get(MailsLater);
    const observe = async (run: MatrixRun) => ({
      cards: await cards(run),
      mails: mails.filter((id) => id === run.id).length,
    });
    expect((await failure({ observe })).message).toMatch(
      /some time later\s+What observe returned for the undisturbed run has changed since, from \{ cards: 1, mails: 0 \} to \{ cards: 1, mails: 1 \}/,
    );
  });

  it('finds a statement that comes when its handler has returned', async () => {
    await start(WritesLater);
    expect((await failure({})).message).toMatch(/some time later\s+WritesLater\.issue .* is over \(/);
  });

  it('gives no run an id that another one begins with', async () => {
    await start(Correct);
    const ids: string[] = [];
    const observe = ({ id }: MatrixRun) => cards({ id: `${id}/card` });
    await crashMatrix(app.nest, { publish: (run) => (ids.push(run.id), pay(run)), observe });
    expect(ids.length).toBeGreaterThan(10);
    expect(ids.filter((id) => ids.some((other) => other !== id && other.startsWith(id)))).toEqual([]);
  });

  it('says what it did not try', async () => {
    const onServer = engines.find((engine) => engine !== 'sqlite');
    await start(LocksThenWritesAlone, {}, onServer);
    const deposit = async ({ id }: MatrixRun) => {
      const opened = { id, balance: 0 };
      // The repeat meets an account that has its money already.
      await app.dataSource.createQueryBuilder().insert().into(AccountRow).values(opened).orIgnore().execute();
      await publish(Deposited, { id: `${id}/a`, account: id, amount: 10 });
      await publish(Deposited, { id: `${id}/b`, account: id, amount: 20 });
    };
    const observe = ({ id }: MatrixRun) => app.dataSource.getRepository(AccountRow).findOneByOrFail({ id });
    const { leftOut } = await crashMatrix(app.nest, { publish: deposit, observe });
    expect(leftOut).toContainEqual(
      onServer
        ? expect.stringMatching(/^2 messages are handled side by side.*: no two were there at the same time/)
        : expect.stringMatching(/^messages handled side by side.*: SQLite has one writer/),
    );
  }, 180_000);
});

describe('MqTestHarness', () => {
  it('refuses times that are none, and steps without an ACK', async () => {
    const database = await createDatabase('sqlite');
    const app = await startApp(database, { entities: [CardTable], providers: [Correct] });
    const harness = new MqTestHarness(app.nest);
    for (const ms of [NaN, Infinity, 0.5, -1, '60000', undefined] as number[]) {
      await expect(harness.jumpClock(ms)).rejects.toThrow('jumpClock(ms) must be a whole number');
    }
    await expect(harness.drain({ timeoutMs: NaN })).rejects.toThrow('drain({ timeoutMs }) must be');
    expect(() => harness.loseNextAck(4 as never)).toThrow('loseNextAck(step) must be 3 (to a relay) or 5');
    await app.close();
    await database.drop();
  });
});
