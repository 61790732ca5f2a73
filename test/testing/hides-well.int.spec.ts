import { Logger, type Type } from '@nestjs/common';
import { DataSource, Like } from 'typeorm';
import type { Topic } from '../../src/index.js';
import { CrashMatrixError, type MatrixRun, crashMatrix } from '../../src/testing/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import {
  ForgetsAndSwallows,
  ForgetsToAwaitPublishing,
  MailsInAnInterceptor,
  NotesCards,
  PublishesOutside,
  RejectsFailures,
  RemembersInMemory,
  RightInParallel,
  RightInParts,
  SettlesForLess,
  SkipsRetries,
  SwallowsNested,
  SwallowsPublishing,
  WritesElsewhere,
  WritesElsewhereInAWhile,
  WritesReadsThenWrites,
  other,
} from './more-seeded-bugs.js';
import { AccountRow, AccountTable, Deposited } from './seeded-bugs.js';
import { type Place, createPlace, somePlaces } from './shapes.js';

// Hundreds of failures, each on purpose.
Logger.overrideLogger(false);
jest.setTimeout(180_000);

/** Bugs that a review overlooks are found as well, and what only looks like one is not. */
describe.each(somePlaces)('crashMatrix on %s, %s', (engine, shape) => {
  let place: Place;
  let app: TestApp;
  let elsewhere: TestDatabase;

  const start = async (handler: Type) => {
    place = await createPlace(engine, shape);
    elsewhere = await createDatabase('sqlite');
    other.mails = [];
    other.dataSource = await new DataSource({
      ...elsewhere.options,
      entities: [CardTable],
      synchronize: true,
    }).initialize();
    app = await startApp(place.database, {
      entities: [CardTable, AccountTable],
      providers: [handler, NotesCards],
      options: { ...place.options, consumers: { pollMs: 10 } },
    });
  };

  afterEach(async () => {
    await app.close();
    await other.dataSource!.destroy();
    await place.drop();
    await elsewhere.drop();
  });

  const publish = <P>(topic: Topic<P>, payload: P) =>
    app.outbox.publish(topic, payload, { standalone: true });
  const pay = ({ id }: MatrixRun) => publish(PaymentSucceeded, payment(id));
  const cardsIn = async (dataSource: DataSource, id: string) => {
    const rows = await dataSource.getRepository(CardRow).findBy({ paymentId: Like(`${id}%`) });
    return rows.filter(({ paymentId }) => paymentId === id || paymentId.startsWith(`${id}/`)).length;
  };
  const observe = async ({ id }: MatrixRun) => ({
    cards: await cardsIn(app.dataSource, id),
    elsewhere: await cardsIn(other.dataSource!, id),
    mails: other.mails.filter((mail) => mail === id).length,
  });
  /** @returns what it found, as its message says it */
  const found = async (options: Parameters<typeof crashMatrix>[1]): Promise<string> => {
    const error: unknown = await crashMatrix(app.nest, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CrashMatrixError);
    return (error as CrashMatrixError).message;
  };

  it.each<[string, Type, RegExp]>([
    ['an effect in a database that nobody has told it of', WritesElsewhere, /cards: 1, elsewhere: 2,/],
    ['such an effect that comes in a while', WritesElsewhereInAWhile, /elsewhere: [02],/],
    ['a retry that is skipped', SkipsRetries, /it fails, and the handler[^]*cards: 0,/],
    ['what is taken for done in memory', RemembersInMemory, /the process dies before it[^]*cards: 0,/],
    ['errors that nobody looks at', SettlesForLess, /it fails, and the handler[^]*cards: 1,/],
    ['a part that fails by itself', SwallowsNested, /it fails, and the handler[^]*cards: 1,/],
    ['a failure that is made final', RejectsFailures, /a dead letter \(rejected\)/],
    ['an error without an await', ForgetsAndSwallows, /UnsettledQueryError/],
    ['mail in an interceptor', MailsInAnInterceptor, /\(COMMIT\): the process dies before it[^]*mails: 2/],
    ['an announcement that fails unheard', SwallowsPublishing, /it fails, and the handler[^]*cards: 1,/],
    [
      'an announcement without an await',
      ForgetsToAwaitPublishing,
      /UnsettledQueryError|is over|can't commit/,
    ],
  ])('finds %s', async (_, handler, message) => {
    await start(handler);
    expect(await found({ publish: pay, observe })).toMatch(message);
  });

  it.each<[string, Type]>([
    ['writes side by side, and awaits them all', RightInParallel],
    ['reads first, nests, and announces', RightInParts],
  ])('lets a handler pass that %s', async (_, handler) => {
    await start(handler);
    const { passed } = await crashMatrix(app.nest, { publish: pay, observe });
    expect(passed.length).toBeGreaterThan(20);
  });

  // SQLite has one writer at a time: nothing is done side by side, nor outside of a transaction while it is open.
  if (engine === 'sqlite') return;

  it('finds an announcement that steps outside', async () => {
    await start(PublishesOutside);
    expect(await found({ publish: pay, observe })).toMatch(/cards: 3,/);
  });

  it('finds what is read before and written after, behind another write', async () => {
    await start(WritesReadsThenWrites);
    const deposit = async ({ id }: MatrixRun) => {
      await app.dataSource.getRepository(AccountRow).upsert({ id, balance: 0 }, ['id']);
      await publish(Deposited, { id: `${id}/a`, account: id, amount: 10 });
      await publish(Deposited, { id: `${id}/b`, account: id, amount: 20 });
    };
    const balance = async ({ id }: MatrixRun) =>
      (await app.dataSource.getRepository(AccountRow).findOneByOrFail({ id })).balance;
    const message = await found({ publish: deposit, observe: balance });
    expect(message).toMatch(/2 messages are handled side by side[^]*observe returned [12]0; undisturbed, 30/);
  });
});
