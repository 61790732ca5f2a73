import type { EntityManager } from 'typeorm';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { logLines } from '../support/log-lines.js';
import { countRows } from '../support/tables.js';

// Property: whoever passes a fingerprint is told when its biz-id took effect with another one, and runs nothing.

describe.each(engines)('IdempotentExecutor with fingerprints, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let log: string[];
  let ids = 0;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [CardTable] });
  });

  beforeEach(() => {
    log = logLines();
  });

  afterEach(() => jest.restoreAllMocks());

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const key = (bizId: string) => ({ scenario: 'webhook', bizId });
  const newId = () => `W-${++ids}`;
  const cards = (paymentId: string) => app.dataSource.getRepository(CardRow).countBy({ paymentId });
  const issue = (paymentId: string) => async (manager: EntityManager) => {
    await manager.insert(CardRow, { paymentId, issuedBy: 'executor' });
    return { issued: paymentId };
  };
  const run = (id: string, fingerprint?: unknown) => app.executor.run(key(id), issue(id), { fingerprint });

  it('throws for another body, says so in an event and in the log, and gives the result to the same one', async () => {
    const id = newId();
    expect(await run(id, { ref: 'main', by: 'u1' })).toMatchObject({ executed: true });
    expect(await run(id, { by: 'u1', ref: 'main' })).toEqual({ executed: false, result: { issued: id } });
    const error: unknown = await run(id, { ref: 'dev', by: 'u1' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BIZ_ID_CONFLICT', tookEffectAt: expect.any(Date) });
    const { fingerprint, knownFingerprint, tookEffectAt, message } = error as Record<string, unknown>;
    expect(message).toContain(knownFingerprint);
    expect(message).toContain(fingerprint);
    const about = { bizId: id, scenario: 'named/webhook', fingerprint, knownFingerprint, tookEffectAt };
    expect(await app.events('biz-id-conflict', 1, ({ bizId }) => bizId === id)).toEqual([
      { type: 'biz-id-conflict', ...about },
    ]);
    expect(log.filter((line) => line.startsWith('warn: IdempotentExecutor was called for'))).toHaveLength(1);
    expect(await cards(id)).toBe(1);
  });

  it('lets one of several bodies that come at the same time take effect, and throws for the others', async () => {
    const id = newId();
    const runs = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => run(id, { i })));
    const done = runs.filter(({ status }) => status === 'fulfilled');
    const codes = runs.flatMap((one) =>
      one.status === 'rejected' ? [(one.reason as { code: string }).code] : [],
    );
    expect(done).toHaveLength(1);
    expect(codes).toEqual(Array(5).fill('BIZ_ID_CONFLICT'));
    expect(await cards(id)).toBe(1);
  });

  it('compares nothing where either side has none', async () => {
    const [first, second] = [newId(), newId()];
    await run(first);
    expect(await run(first, 'late')).toMatchObject({ executed: false });
    await run(second, 'early');
    expect(await run(second)).toMatchObject({ executed: false });
  });

  it('throws inside of a transaction too, and leaves that to its owner', async () => {
    const [outer, inner] = [newId(), newId()];
    await run(inner, 'first');
    const swallowing = app.executor.run(key(outer), async (manager) => {
      await issue(outer)(manager);
      const error: unknown = await run(inner, 'second').catch((thrown: unknown) => thrown);
      return (error as { code: string }).code;
    });
    expect(await swallowing).toEqual({ executed: true, result: 'BIZ_ID_CONFLICT' });
    expect([await cards(outer), await cards(inner)]).toEqual([1, 1]);
    const passingOn = app.executor.run(key(newId()), () => run(inner, 'second'));
    await expect(passingOn).rejects.toMatchObject({ code: 'BIZ_ID_CONFLICT' });
  });

  it('keeps a fingerprint that was given inside of a transaction', async () => {
    const [outer, inner] = [newId(), newId()];
    await app.executor.run(key(outer), () => run(inner, 'first'));
    await expect(run(inner, 'second')).rejects.toMatchObject({ code: 'BIZ_ID_CONFLICT' });
  });

  it('keeps none of a work that failed', async () => {
    const id = newId();
    const failing = app.executor.run(key(id), () => Promise.reject(new Error('no')), {
      fingerprint: 'first',
    });
    await expect(failing).rejects.toThrow('no');
    expect(await run(id, 'second')).toMatchObject({ executed: true });
  });

  it.each([
    ['a Map', new Map()],
    ['a function', () => 1],
    ['NaN', NaN],
    ['a bigint', { n: 1n }],
  ])('refuses %s before it runs anything', async (_, fingerprint) => {
    const id = newId();
    await expect(run(id, fingerprint)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    expect(await countRows(app.dataSource, 'dedup', `biz_id = x'${Buffer.from(id).toString('hex')}'`)).toBe(
      0,
    );
  });
});
