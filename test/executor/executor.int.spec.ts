import type { EntityManager } from 'typeorm';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows } from '../support/tables.js';

// Property: work that IdempotentExecutor runs takes effect once for its biz-id, or not at all, whatever it does.

describe.each(engines)('IdempotentExecutor, on %s', (engine) => {
  // There a COMMIT or ROLLBACK of the work is refused.
  const refuses = engine === 'sqlite' || engine === 'postgres';
  let database: TestDatabase;
  let app: TestApp;
  let ids = 0;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [PaymentTable, CardTable] });
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const newId = () => `R-${++ids}`;
  const key = (bizId: string, scenario = 'refund') => ({ scenario, bizId });
  const issue = (manager: EntityManager, paymentId: string) =>
    manager.insert(CardRow, { paymentId, issuedBy: 'executor' });
  const cards = (paymentId: string) => app.dataSource.getRepository(CardRow).countBy({ paymentId });
  const dedupRows = (bizId: string) =>
    countRows(app.dataSource, 'dedup', `biz_id = x'${Buffer.from(bizId).toString('hex')}'`);

  it.each([
    ['an object', { receipt: 'r-1', lines: [1, null, 'ü'] }],
    ['a text', ''],
    ['null', null],
    ['false', false],
    ['nothing', undefined],
  ])('returns %s again to those who come later, and runs their work no more', async (_, result) => {
    const id = newId();
    const work = async (manager: EntityManager) => {
      await issue(manager, id);
      return result;
    };
    expect(await app.executor.run(key(id), work)).toEqual({ executed: true, result });
    expect(await app.executor.run(key(id), work)).toEqual({ executed: false, result });
    expect(await cards(id)).toBe(1);
  });

  it('returns the same to the first caller as to those who come later, as JSON has it', async () => {
    const id = newId();
    const work = async () => ({ at: new Date(0), note: undefined, amounts: [1n].map(Number) });
    const result = { at: '1970-01-01T00:00:00.000Z', amounts: [1] };
    for (const executed of [true, false]) {
      expect(await app.executor.run(key(id), work)).toStrictEqual({ executed, result });
    }
    const within = newId();
    const inner = () => app.executor.run(key(within), work);
    const { result: first } = await app.executor.run(key(newId()), inner);
    expect(first).toStrictEqual({ executed: true, result });
  });

  it('takes the same biz-id of another scenario for another one', async () => {
    const id = newId();
    await app.executor.run(key(id), (manager) => issue(manager, id));
    const other = await app.executor.run(key(id, 'chargeback'), (manager) => issue(manager, id));
    expect(other.executed).toBe(true);
    expect(await cards(id)).toBe(2);
  });

  it('lets one of 20 that come at the same time do it, and gives its result to all', async () => {
    const id = newId();
    const calls = Array.from({ length: 20 }, (_, caller) =>
      app.executor.run(key(id), async (manager) => {
        await issue(manager, id);
        return caller;
      }),
    );
    const results = await Promise.all(calls);
    const done = results.filter(({ executed }) => executed);
    expect(done).toHaveLength(1);
    expect(new Set(results.map(({ result }) => result))).toEqual(new Set([done[0]!.result]));
    expect(await cards(id)).toBe(1);
  });

  it('lets the next one do it where the first fails while it waits', async () => {
    const id = newId();
    let second: Promise<unknown> | undefined;
    const first = app.executor.run(key(id), async (manager) => {
      await issue(manager, id);
      second = app.executor.run(key(id), (own) => issue(own, id));
      throw new Error('the first one fails');
    });
    await expect(first).rejects.toThrow('the first one fails');
    // Started in the first one's scope, it was part of that, and is gone with it.
    await expect(second).rejects.toMatchObject({ code: 'DEDUP_KEY_IN_PROGRESS' });
    expect(await app.executor.run(key(id), (manager) => issue(manager, id))).toMatchObject({
      executed: true,
    });
    expect(await cards(id)).toBe(1);
  });

  it.each([new Error('no funds'), undefined, 'a text', Object.create(null)])(
    'leaves nothing behind when the work throws, and passes on what it threw',
    async (thrown: unknown) => {
      const id = newId();
      const run = app.executor.run(key(id), async (manager) => {
        await issue(manager, id);
        throw thrown;
      });
      expect(await run.catch((error: unknown) => ({ error }))).toEqual({ error: thrown });
      expect(await cards(id)).toBe(0);
      expect(await dedupRows(id)).toBe(0);
    },
  );

  it.each([
    ['a function', () => 1],
    ['a bigint', 1n],
    ['a cycle', undefined],
  ])('rolls back where the result is %s that JSON can’t carry', async (kind, result) => {
    const id = newId();
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const run = app.executor.run(key(id), async (manager) => {
      await issue(manager, id);
      return kind === 'a cycle' ? cycle : result;
    });
    await expect(run).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    expect(await cards(id)).toBe(0);
  });

  it('is refused inside of its own work, which fails with it', async () => {
    const id = newId();
    const run = app.executor.run(key(id), async (manager) => {
      await issue(manager, id);
      await app.executor.run(key(id), (inner) => issue(inner, id));
    });
    await expect(run).rejects.toMatchObject({ code: 'DEDUP_KEY_IN_PROGRESS' });
    expect(await cards(id)).toBe(0);
  });

  it('joins the transaction of the work around it, and both stand or fall together', async () => {
    const [outer, inner] = [newId(), newId()];
    const both = async (manager: EntityManager) => {
      await issue(manager, outer);
      return app.executor.run(key(inner), (own) => issue(own, inner));
    };
    const failing = app.executor.run(key(outer), async (manager) => {
      await both(manager);
      throw new Error('too late');
    });
    await expect(failing).rejects.toThrow('too late');
    expect([await cards(outer), await cards(inner)]).toEqual([0, 0]);
    await app.executor.run(key(outer), both);
    expect([await cards(outer), await cards(inner)]).toEqual([1, 1]);
    expect((await app.executor.run(key(inner), (manager) => issue(manager, inner))).executed).toBe(false);
  });

  it('leaves nothing of inner work that failed and was swallowed, not even its dedup row', async () => {
    const [outer, inner] = [newId(), newId()];
    await app.executor.run(key(outer), async (manager) => {
      await issue(manager, outer);
      const failing = app.executor.run(key(inner), async (own) => {
        await issue(own, inner);
        throw new Error('inner work fails');
      });
      await failing.catch(() => undefined);
    });
    expect([await cards(outer), await cards(inner)]).toEqual([1, 0]);
    expect((await app.executor.run(key(inner), (manager) => issue(manager, inner))).executed).toBe(true);
  });

  it('publishes with the work, or not at all', async () => {
    const id = newId();
    const paid = () => countRows(app.dataSource, 'message', `biz_id = x'${Buffer.from(id).toString('hex')}'`);
    const work = (fails: boolean) => async () => {
      await app.outbox.publish(PaymentSucceeded, payment(id));
      if (fails) throw new Error('no funds');
    };
    await expect(app.executor.run(key(id), work(true))).rejects.toThrow('no funds');
    expect(await paid()).toBe(0);
    await app.executor.run(key(id), work(false));
    expect(await paid()).toBe(1);
  });

  it('is rolled back where the work forgets an await', async () => {
    const id = newId();
    const run = app.executor.run(key(id), async (manager) => void issue(manager, id));
    await expect(run).rejects.toMatchObject({ code: 'UNSETTLED_QUERY' });
    expect([await cards(id), await dedupRows(id)]).toEqual([0, 0]);
  });

  it('leaves nothing where the work rolls back by itself, goes on writing and returns', async () => {
    const id = newId();
    const run = app.executor.run(key(id), async (manager) => {
      await issue(manager, id);
      await manager.query('ROLLBACK').catch(() => undefined);
      await issue(manager, id);
      return 'done';
    });
    // SQLite refuses the ROLLBACK, so nothing has happened there.
    if (refuses) await expect(run).resolves.toMatchObject({ executed: true });
    else await expect(run).rejects.toMatchObject({ code: 'SCOPE_DOOMED' });
    expect(await cards(id)).toBe(refuses ? 2 : 0);
    expect(await dedupRows(id)).toBe(refuses ? 1 : 0);
  });

  it('says that it is torn, and never runs again, where the work commits by itself and fails', async () => {
    if (refuses) return expect(refuses).toBe(true); // COMMIT is refused there: see above
    const id = newId();
    const work = async (manager: EntityManager) => {
      await issue(manager, id);
      await manager.query('COMMIT');
      throw new Error('too late');
    };
    await expect(app.executor.run(key(id), work)).rejects.toMatchObject({ code: 'SCOPE_TORN' });
    await expect(app.executor.run(key(id), work)).rejects.toMatchObject({ code: 'SCOPE_TORN' });
    expect(await cards(id)).toBe(1);
  });

  it.each([
    [undefined, 'an object with scenario and bizId'],
    [{ scenario: '', bizId: 'x' }, 'scenario'],
    [{ scenario: 'refund', bizId: '' }, 'bizId'],
    [{ scenario: 'refund', bizId: 7 }, 'bizId'],
    [{ scenario: 'refund', bizId: 'x'.repeat(256) }, 'bizId'],
  ])('refuses the key %j before it runs anything', async (wrong, named) => {
    let ran = false;
    const run = app.executor.run(wrong as never, async () => {
      ran = true;
    });
    await expect(run).rejects.toThrow(named);
    expect(ran).toBe(false);
  });
});
