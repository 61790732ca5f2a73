import { forgetScenario } from '../../src/consumer/forgetting/forget-scenario.js';
import { type Inquiry, inquire } from '../../src/consumer/forgetting/inquiry.js';
import * as statements from '../../src/storage/statements/index.js';
import { DAY_MS, send, sent } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { DedupLog } from './support/dedup-log.js';

// Property: the mark is committed before a row that it lets go is deleted, and what one sweeper knows never takes the place
// of what another one knew later. So whoever dies, or is slow, leaves a state from which the next goes on.

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

describe.each(engines)('sweepers that forget dedup rows, on %s,', (engine) => {
  let database: TestDatabase;
  let log: DedupLog;

  beforeEach(async () => {
    database = await createDatabase(engine);
    log = await DedupLog.open(database);
    await log.note(['old-1', 'old-2'], 40);
    await log.note(['new'], 29);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await log.close();
    await database.drop();
  });

  const ask = async (): Promise<Inquiry> => {
    const { connections } = log.parts;
    const [scenario] = await connections.control((on) => statements.listScenarios(connections.database, on));
    const asked = await inquire({ connections, transport: log.broker }, scenario!, DAY_MS);
    if ('reason' in asked) throw new Error(asked.error);
    return asked;
  };
  const forget = (inquiry: Inquiry) => forgetScenario(log.parts.connections, inquiry, 30 * DAY_MS);
  /** What lands now, and becomes a dead letter. */
  const deadLetter = async (bizId: string) => {
    await send(log.broker, [sent(bizId)]);
    const { subscription } = log;
    const claim = { subscription, claimId: Buffer.alloc(16, 1), after: 0, limit: 1, leaseMs: 60_000 };
    const { deliveries } = await log.broker.claim(claim);
    const record = { failures: 0, lostLeases: 0, errors: null };
    await log.broker.deadLetter(deliveries[0]!, record, 'failed');
  };
  const kept = async () => {
    const rows: { biz_id: Buffer }[] = await log.parts.dataSource.query('SELECT biz_id FROM mq_dedup_kept');
    return rows.map(({ biz_id }) => biz_id.toString());
  };

  it('delete what is older than the retention and the mark, and nothing else', async () => {
    expect(await log.sweeper().forget()).toEqual([
      { scenario: expect.any(String), forgotten: 2, heldBackBy: undefined },
    ]);
    expect(await log.remembered()).toEqual(['new']);
    expect(await log.markDaysAgo()).toBe(1);
    expect(log.parts.seen).toContainEqual(
      expect.objectContaining({ type: 'forgotten', what: 'dedup-rows', count: 2 }),
    );
  });

  it('have the mark committed when the first row goes', async () => {
    const { lockForgettable } = jest.requireActual<typeof statements>(
      '../../src/storage/statements/index.js',
    );
    const seen: unknown[] = [];
    jest.spyOn(statements, 'lockForgettable').mockImplementation(async (...args) => {
      const { connections } = log.parts;
      // From another connection, but on SQLite, whose only writer is this one: there it has committed before it began anew.
      if (engine === 'sqlite') seen.push(await statements.listScenarios(connections.database, args[1]));
      else seen.push(await connections.control((on) => statements.listScenarios(connections.database, on)));
      return lockForgettable(...args);
    });
    await log.sweeper().forget();
    expect(seen).toEqual([[expect.objectContaining({ mark: expect.any(Number) })]]);
  });

  it('leave rows and a mark when they die in between, and the next one deletes them', async () => {
    jest.spyOn(statements, 'lockForgettable').mockRejectedValueOnce(new Error('the process died'));
    await expect(log.sweeper().forget()).rejects.toThrow('the process died');
    expect(await log.remembered()).toEqual(['new', 'old-1', 'old-2']);
    expect(await log.markDaysAgo()).toBe(1);
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual(['new']);
  });

  it('leave the mark as it was, and every row, when they die before it is committed', async () => {
    jest.spyOn(statements, 'setScenarioMark').mockRejectedValueOnce(new Error('the process died'));
    await expect(log.sweeper().forget()).rejects.toThrow('the process died');
    expect(await log.markDaysAgo()).toBeUndefined();
    expect(await log.remembered()).toHaveLength(3);
  });

  it('go on from the batch at which one of them died', async () => {
    const many = Array.from({ length: 1_200 }, (_, i) => `P-${i}`);
    await log.note(many, 50);
    const { deleteDedup } = jest.requireActual<typeof statements>('../../src/storage/statements/index.js');
    jest
      .spyOn(statements, 'deleteDedup')
      .mockImplementationOnce((...args) => deleteDedup(...args))
      .mockRejectedValueOnce(new Error('the process died'));
    await expect(log.sweeper().forget()).rejects.toThrow('the process died');
    expect(await log.parts.count('dedup')).toBe(703);
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual(['new']);
  });

  it('spare what another one that has been further keeps by name: its list is newer', async () => {
    const first = await ask();
    await deadLetter('old-1');
    // So long ago that it is known by name.
    await log.parts.dataSource.query(`UPDATE mq_message SET landed_at = landed_at - ${2 * DAY_MS * 1000}`);
    await log.sweeper().forget();
    expect(await kept()).toEqual(['old-1']);
    await log.note(['older'], 60);
    expect(await forget(first)).toBe(1);
    expect(await kept()).toEqual(['old-1']);
    expect(await log.remembered()).toEqual(['new', 'old-1']);
  });

  it("do nothing where they are further by their own clock alone: the broker's tells exactly", async () => {
    await log.sweeper().forget();
    await log.note(['older'], 60);
    const asked = await ask();
    const later = asked.sources.map((source) => ({
      ...source,
      answer: { ...source.answer, now: source.answer.now - 10_000_000 },
    }));
    expect(await forget({ ...asked, sources: later })).toBe(0);
    expect(await log.remembered()).toContain('older');
    expect(await forget(asked)).toBe(1);
  });

  it('do nothing where the scenario has another source by then, which nobody has asked', async () => {
    const asked = await ask();
    await log.register('cards', 'payment.refunded', 'consumer/5:cards/17:payment.succeeded');
    expect(await forget(asked)).toBe(0);
    expect(await log.markDaysAgo()).toBeUndefined();
    expect(await log.sweeper().forget()).toMatchObject([{ forgotten: 2 }]);
  });

  it('may be many at the same time, round after round', async () => {
    for (let round = 0; round < 5; round++) {
      await log.note(
        Array.from({ length: 700 }, (_, i) => `P-${round}-${i}`),
        45,
      );
      const results = await Promise.all([1, 2, 3].map(() => log.sweeper().forget()));
      // What one has locked, the others pass over: the last one of a later round takes it along.
      expect(results.flat().every(({ heldBackBy }) => heldBackBy === undefined)).toBe(true);
    }
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual(['new']);
  });

  it('pass over a row that a consumer looks at, and wait for nobody', async () => {
    if (engine === 'sqlite') return;
    const holder = log.parts.dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query("SELECT 1 FROM mq_dedup WHERE scenario_id = 1 AND biz_id = 'old-1' FOR UPDATE");
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual(['new', 'old-1']);
    await holder.rollbackTransaction();
    await holder.release();
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual(['new']);
  });
});
