import { DataSource, type EntitySubscriberInterface } from 'typeorm';
import { TransactionEndedError, TransactionRequiredError, defineTopic } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentRow, PaymentTable } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Noted, note, storedBizIds } from './support/published.js';

describe.each(engines)('publish joins a transaction or refuses, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [PaymentTable] });
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const stored = () => storedBizIds(app.dataSource);

  afterEach(async () => {
    await app.dataSource.query('DELETE FROM mq_message');
    await app.dataSource.query('DELETE FROM mq_parked');
  });

  it('publishes with the commit of the manager given', async () => {
    const runner = app.dataSource.createQueryRunner();
    await runner.startTransaction();
    await app.outbox.publish(Noted, note('a'), { manager: runner.manager });
    expect(await stored()).toEqual([]);
    await runner.commitTransaction();
    expect(await stored()).toEqual(['a']);
    await runner.release();
  });

  it('answers nothing, so that nobody learns the inner-msg-id', async () => {
    const answers = await app.dataSource.transaction(async (manager) => [
      await app.outbox.publish(Noted, note('a'), { manager }),
      await app.outbox.publishAll(Noted, [note('b')], { manager }),
    ]);
    expect(answers).toEqual([undefined, undefined]);
  });

  it('keeps the order of publishes and of publishAll', async () => {
    await app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(Noted, note('1'), { manager });
      await app.outbox.publishAll(Noted, ['2', '3', '4'].map(note), { manager });
      await app.outbox.publishAll(Noted, [], { manager });
      await app.outbox.publish(Noted, note('5'), { manager });
    });
    expect(await stored()).toEqual(['1', '2', '3', '4', '5']);
  });

  it.each([
    ['no manager', () => app.outbox.publish(Noted, note('x')), 'no manager was given'],
    [
      "the DataSource's own manager",
      () => app.outbox.publish(Noted, note('x'), { manager: app.dataSource.manager }),
      "not a transaction's, but the DataSource's own",
    ],
    [
      'no manager within a plain transaction, which the library can not see',
      () => app.dataSource.transaction(() => app.outbox.publish(Noted, note('x'))),
      'no manager was given',
    ],
    [
      'the manager of a query runner that began no transaction',
      async () => {
        const runner = app.dataSource.createQueryRunner();
        await app.outbox
          .publish(Noted, note('x'), { manager: runner.manager })
          .finally(() => runner.release());
      },
      'is in no transaction',
    ],
  ])('refuses %s, and says what to do', async (_, publish, why) => {
    const attempt = publish();
    await expect(attempt).rejects.toThrow(TransactionRequiredError);
    await expect(attempt).rejects.toThrow(why);
    await expect(attempt).rejects.toThrow('publish(topic, payload, { manager })');
    expect(await stored()).toEqual([]);
  });

  it('refuses the manager of another DataSource, even of one on the same database', async () => {
    const other = await new DataSource(database.options).initialize();
    const attempt = other.transaction((manager) => app.outbox.publish(Noted, note('x'), { manager }));
    await expect(attempt).rejects.toThrow(TransactionRequiredError);
    await expect(attempt).rejects.toThrow('belongs to another DataSource');
    await other.destroy();
    expect(await stored()).toEqual([]);
  });

  it.each([
    ['committed', undefined],
    ['rolled back', new Error('the business failed')],
  ])('refuses the manager of a transaction that has %s', async (_, failure) => {
    let manager = app.dataSource.manager;
    await app.dataSource
      .transaction(async (own) => {
        manager = own;
        await own.query('SELECT 1');
        if (failure) throw failure;
      })
      .catch(() => undefined);
    const attempt = app.outbox.publish(Noted, note('x'), { manager });
    await expect(attempt).rejects.toThrow(TransactionEndedError);
    await expect(attempt).rejects.toThrow('has committed or rolled back');
    expect(await stored()).toEqual([]);
  });

  it('publishes by itself when it is told that no transaction is meant', async () => {
    await app.outbox.publish(Noted, note('a'), { standalone: true });
    await app.outbox.publishAll(Noted, ['b', 'c'].map(note), { standalone: true });
    expect(await stored()).toEqual(['a', 'b', 'c']);
    const half = app.outbox.publishAll(Noted, [note('d'), note('')], { standalone: true });
    await expect(half).rejects.toThrow('non-empty string');
    expect(await stored()).toEqual(['a', 'b', 'c']);
  });

  it('is undone with a nested transaction alone when only that is rolled back', async () => {
    await app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(Noted, note('before'), { manager });
      await expect(
        manager.transaction(async (nested) => {
          await nested.insert(PaymentRow, { paymentId: 'undone', amount: 1 });
          await app.outbox.publish(Noted, note('nested'), { manager: nested });
          throw new Error('the nested one failed');
        }),
      ).rejects.toThrow('the nested one failed');
      await manager.transaction((nested) => app.outbox.publish(Noted, note('kept'), { manager: nested }));
      await app.outbox.publish(Noted, note('after'), { manager });
    });
    expect(await stored()).toEqual(['before', 'kept', 'after']);
    expect(await app.dataSource.getRepository(PaymentRow).count()).toBe(0);
    expect(await app.dataSource.query('SELECT seq FROM mq_parked')).toHaveLength(3);
  });

  it("joins what the app's own subscribers write before a commit", async () => {
    const written: string[] = [];
    const subscriber: EntitySubscriberInterface = {
      beforeTransactionCommit: async ({ manager }) => {
        if (written.length > 0) return;
        written.push('once');
        await app.outbox.publish(Noted, note('by-subscriber'), { manager });
      },
    };
    app.dataSource.subscribers.push(subscriber);
    await app.dataSource.transaction((manager) => app.outbox.publish(Noted, note('first'), { manager }));
    app.dataSource.subscribers.splice(app.dataSource.subscribers.indexOf(subscriber), 1);
    expect(await stored()).toEqual(['first', 'by-subscriber']);
  });

  it('joins a transaction that was begun again by hand on one connection', async () => {
    await app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(Noted, note('first'), { manager });
      await manager.query('COMMIT');
      await manager.query(engine === 'sqlite' ? 'BEGIN' : 'START TRANSACTION');
      await app.outbox.publish(Noted, note('second'), { manager });
    });
    expect(await stored()).toEqual(['first', 'second']);
  });

  it('takes a topic that was defined after the start, again after a rollback too', async () => {
    const Late = defineTopic<{ id: string }>({ name: `late.${engine}`, bizId: ({ id }) => id });
    const publish = (id: string, fails: boolean) =>
      app.dataSource.transaction(async (manager) => {
        await app.outbox.publish(Late, note(id), { manager });
        if (fails) throw new Error('rolled back');
      });
    await expect(publish('undone', true)).rejects.toThrow('rolled back');
    await Promise.all(['1', '2', '3'].map((id) => publish(id, false)));
    expect((await stored()).sort()).toEqual(['1', '2', '3']);
    expect(await app.dataSource.query('SELECT DISTINCT topic_id FROM mq_message')).toHaveLength(1);
  });

  it.each([
    ['publish({ manger })', { manger: 1 }],
    ['publish({ delay })', { standalone: true, delay: 5 }],
    ['publish({ standalone })', { standalone: 'yes' }],
    ['publish({ standalone }) must be left out', { standalone: true, manager: {} }],
    ['publish({ manager }) must be an EntityManager of TypeORM', { manager: {} }],
    ['publish({ manager }) must be an EntityManager of TypeORM', { manager: null }],
    ['publish(topic, payload, options)', null],
    ['publish(topic, payload, options)', 'standalone'],
  ])('refuses options that it does not know: %s', async (message, options) => {
    const attempt = app.outbox.publish(Noted, note('x'), options as never);
    await expect(attempt).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining(message),
    });
    expect(await stored()).toEqual([]);
  });

  it.each([
    ['publishAll(topic)', undefined, []],
    ['publishAll(topic)', { name: 'noted' }, []],
    ['publishAll(topic, payloads)', Noted, 'abc'],
    ['publishAll(topic, payloads)', Noted, note('x')],
  ])('refuses arguments that are none: %s', async (message, topic, payloads) => {
    const attempt = app.outbox.publishAll(topic as never, payloads as never, { standalone: true });
    await expect(attempt).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining(message),
    });
  });
});
