import { Logger, type Type } from '@nestjs/common';
import { Like } from 'typeorm';
import type { Topic } from '../../src/index.js';
import { CrashMatrixError, type MatrixRun, crashMatrix } from '../../src/testing/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import {
  AccountRow,
  AccountTable,
  Correct,
  CountsRequests,
  CountsUsers,
  Deposited,
  ForgetsAnAwait,
  LocksThenWrites,
  MailsInside,
  ReadsThenWrites,
  StepsOutside,
  SwallowsErrors,
  UsesOuterDataSource,
  newRequest,
  ofTheRequest,
  ofTheUser,
} from './seeded-bugs.js';
import { type Place, createPlace, somePlaces } from './shapes.js';

// Hundreds of failures, each on purpose.
Logger.overrideLogger(false);
jest.setTimeout(180_000);

/** A matrix that finds fault with nothing proves nothing: beside a handler that is right are those with each of the bugs. */
describe.each(somePlaces)('crashMatrix on %s, %s', (engine, shape) => {
  let place: Place;
  let app: TestApp;

  const start = async (handler: Type, retry = {}) => {
    place = await createPlace(engine, shape);
    app = await startApp(place.database, {
      entities: [CardTable, AccountTable],
      providers: [handler],
      options: { ...place.options, consumers: { pollMs: 10, retry } },
    });
  };

  afterEach(async () => {
    await app.close();
    await place.drop();
  });

  const publish = <P>(topic: Topic<P>, payload: P) =>
    app.outbox.publish(topic, payload, { standalone: true });
  const pay = ({ id }: MatrixRun) => publish(PaymentSucceeded, payment(id));
  const cards = async ({ id }: MatrixRun) => {
    const rows = await app.dataSource.getRepository(CardRow).findBy({ paymentId: Like(`${id}%`) });
    return rows.filter(({ paymentId }) => paymentId === id || paymentId.startsWith(`${id}/`)).length;
  };
  /** @returns what it found, as its message says it */
  const found = async (options: Parameters<typeof crashMatrix>[1]): Promise<string> => {
    const error: unknown = await crashMatrix(app.nest, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CrashMatrixError);
    return (error as CrashMatrixError).message;
  };

  it('lets a handler pass that is right, and lists the points that it went through', async () => {
    await start(Correct);
    const { passed } = await crashMatrix(app.nest, { publish: pay, observe: cards });
    const kinds = [
      'the process dies before it',
      'the process dies after it',
      'though it has committed',
      'its connection is lost',
      'it fails',
      'its answer comes late',
      'delivered twice at the same time',
      'published twice',
      ...(engine === 'sqlite' ? [] : ['deadlock (1213)', 'lock (1205)', 'the lease is lost']),
    ];
    for (const kind of kinds)
      expect(passed.filter((point) => point.includes(kind)).length).toBeGreaterThan(0);
    expect(passed.filter((point) => point.includes('(INSERT INTO')).length).toBeGreaterThan(8);
  });

  it('lets it pass also where a first failure ends in the dead letters', async () => {
    await start(Correct, { attempts: 1 });
    await crashMatrix(app.nest, { publish: pay, observe: cards });
  });

  it('finds mail that is sent inside of the transaction', async () => {
    await start(MailsInside);
    const { mails } = app.nest.get(MailsInside);
    const observe = async (run: MatrixRun) => ({
      cards: await cards(run),
      mails: mails.filter((id) => id === run.id).length,
    });
    const message = await found({ publish: pay, observe });
    expect(message).toMatch(
      /\(COMMIT\): the process dies before it\s+observe returned \{ cards: 1, mails: 2 \}; undisturbed, \{ cards: 1, mails: 1 \}/,
    );
    expect(message).toContain('publish from the handler as a message of its own');
  });

  it('finds an effect through the outer DataSource', async () => {
    await start(UsesOuterDataSource);
    expect(await found({ publish: pay, observe: cards })).toMatch(/undisturbed run[^]*OuterDataSourceError/);
  });

  it('finds an error that is swallowed, where the database lets it be', async () => {
    await start(SwallowsErrors);
    if (engine === 'postgres') {
      // It commits nothing after an error, so the delivery fails, and comes again.
      const { passed } = await crashMatrix(app.nest, { publish: pay, observe: cards });
      expect(passed).toContainEqual(expect.stringMatching(/it fails, and the handler gets the error/));
      return;
    }
    const message = await found({ publish: pay, observe: cards });
    expect(message).toMatch(
      /statement 3 of 5 \(INSERT INTO .*it fails, and the handler gets the error\s+observe returned 1; undisturbed, 2/,
    );
    expect(message).toContain('let the error through');
  });

  it('finds a query that nobody awaits', async () => {
    await start(ForgetsAnAwait);
    const message = await found({ publish: pay, observe: cards });
    expect(message).toMatch(/UnsettledQueryError/);
  });

  it('finds a biz-id that two acts have in common', async () => {
    await start(CountsUsers);
    const message = await found({
      publish: ({ id }) => publish(ofTheUser, { paymentId: id, userId: 'u-1' }),
      observe: cards,
    });
    expect(message).toContain('was taken for a repeat of the first');
  });

  it('finds a biz-id that is another one each time', async () => {
    await start(CountsRequests);
    const message = await found({
      publish: ({ id }) => publish(ofTheRequest, newRequest(id)),
      observe: cards,
    });
    expect(message).toMatch(
      /published twice[^]*observe returned 2; undisturbed, 1[^]*The biz-id is made of the wrong field/,
    );
    expect(message).toMatch(/^1 of /);
  });

  it('says when what is observed differs without any fault', async () => {
    await start(Correct);
    const observe = () => app.dataSource.getRepository(CardRow).find();
    expect(await found({ publish: pay, observe })).toContain('Two undisturbed runs differ');
  });

  it('says when nothing is published that a handler takes', async () => {
    await start(Correct);
    expect(await found({ publish: async () => undefined, observe: cards })).toContain(
      'No idempotent handler ran',
    );
  });

  // SQLite has one writer at a time: nothing is done side by side, nor outside of a transaction while it is open.
  if (engine === 'sqlite') return;

  it('finds an effect through the outer DataSource that steps outside on purpose', async () => {
    await start(StepsOutside);
    const message = await found({ publish: pay, observe: cards });
    expect(message).toMatch(/the process dies after it\s+observe returned 3; undisturbed, 2/);
  });

  const deposit = async ({ id }: MatrixRun) => {
    await app.dataSource.getRepository(AccountRow).upsert({ id, balance: 0 }, ['id']);
    await publish(Deposited, { id: `${id}/a`, account: id, amount: 10 });
    await publish(Deposited, { id: `${id}/b`, account: id, amount: 20 });
  };
  const balance = async ({ id }: MatrixRun) =>
    (await app.dataSource.getRepository(AccountRow).findOneByOrFail({ id })).balance;

  it('finds what is read before, and written after', async () => {
    await start(ReadsThenWrites);
    const message = await found({ publish: deposit, observe: balance });
    expect(message).toMatch(/2 messages are handled side by side[^]*observe returned [12]0; undisturbed, 30/);
    expect(message).toContain('pessimistic_write');
  });

  it('lets it pass when it locks what it reads', async () => {
    await start(LocksThenWrites);
    const { passed } = await crashMatrix(app.nest, { publish: deposit, observe: balance });
    expect(passed.filter((point) => point.includes('side by side'))).toHaveLength(1);
  });
});
