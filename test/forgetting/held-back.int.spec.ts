import { randomBytes } from 'node:crypto';
import { ClockWatch } from '../../src/storage/index.js';
import type { Transport } from '../../src/transport/port.js';
import { DAY_MS, HOUR_MS, TOPIC, send, sent, through } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { DedupLog, SCENARIO } from './support/dedup-log.js';
import { withClock } from './support/with-clock.js';

// Property: as long as a message may come that is older than a row, or nobody can say whether one may, the row stays; and
// an operator is told once.

describe.each(engines)('a dedup log on %s', (engine) => {
  let database: TestDatabase;
  let log: DedupLog;

  beforeEach(async () => {
    database = await createDatabase(engine);
    log = await DedupLog.open(database);
    await log.note(['old'], 60);
  });

  afterEach(async () => {
    await log.close();
    await database.drop();
  });

  const sql = (statement: string) => log.parts.dataSource.query(statement);
  const land = async (bizId: string, daysAgo: number, topic = TOPIC) => {
    await send(log.broker, [sent(bizId, { topic })]);
    await sql(
      `UPDATE mq_message SET landed_at = landed_at - ${daysAgo * DAY_MS * 1000}
       WHERE seq = (SELECT seq FROM (SELECT MAX(seq) AS seq FROM mq_message) m)`,
    );
  };
  const told = () =>
    log.parts.seen.flatMap((event) =>
      event.type === 'forgetting-held'
        ? [event.reason]
        : event.type === 'forgetting-resumed'
          ? ['resumed']
          : [],
    );
  /** In vain twice, and told once. */
  const expectHeld = async (reason: string, sweeper = log.sweeper()) => {
    for (let pass = 0; pass < 2; pass++) {
      expect(await sweeper.forget()).toEqual([
        { scenario: SCENARIO, forgotten: 0, heldBackBy: expect.any(String) },
      ]);
    }
    expect(await log.remembered()).toEqual(['old']);
    expect(told()).toEqual([reason]);
  };

  describe('forgets nothing', () => {
    it('that a consumer which was down for long may still need', async () => {
      await land('P-1', 50);
      expect(await log.sweeper().forget()).toMatchObject([{ forgotten: 0 }]);
      expect(await log.markDaysAgo()).toBe(50);
      await log.note(['older'], 90);
      await sql('DELETE FROM mq_delivery');
      await log.sweeper().forget();
      expect(await log.remembered()).toEqual([]);
    });

    it('while the broker does not answer, and goes on when it does', async () => {
      let answers = false;
      const broker = through(log.broker, {
        unfinished: async (...args) => {
          if (!answers) throw new Error('connect ECONNREFUSED');
          return log.broker.unfinished(...args);
        },
      });
      const sweeper = log.sweeper({ broker });
      await expectHeld('no-answer', sweeper);
      answers = true;
      await sweeper.forget();
      expect(await log.remembered()).toEqual([]);
      expect(told()).toEqual(['no-answer', 'resumed']);
    });

    it('of a scenario that another broker has messages for', async () => {
      const elsewhere: Transport = through(log.broker, {
        identify: async () => ({ broker: randomBytes(16), now: Date.now() * 1000 }),
        subscribe: async (request) => ({ ...request, id: 77 }),
      });
      await log.register('cards', TOPIC, SCENARIO, elsewhere);
      await expectHeld('other-broker');
      const [report] = await log.sweeper().report();
      expect(report!.heldBackBy).toContain('group cards of payment.succeeded has it from another broker');
    });

    it.each(['DELETE FROM mq_scenario_source', 'UPDATE mq_scenario SET kind = 0'])(
      'of a scenario of which nobody says whose it is (%s)',
      async (statement) => {
        await sql(statement);
        await expectHeld('unknown-scenario');
      },
    );

    it.each([400, -400])('while its clock is off by %i days', async (days) => {
      let monotonicMs = 1e12;
      const sweeper = log.sweeper({ watch: new ClockWatch(() => monotonicMs) });
      // It has looked at the clock before, and found nothing that was old enough.
      await sql(`UPDATE mq_dedup SET created_at = created_at + ${60 * DAY_MS * 1000}`);
      await sweeper.forget();
      await sql(`UPDATE mq_dedup SET created_at = created_at - ${60 * DAY_MS * 1000}`);
      monotonicMs -= days * DAY_MS;
      await expectHeld('clock-jumped', sweeper);
      monotonicMs += days * DAY_MS;
      // By what has been landing meanwhile the watermark is further.
      await sql('UPDATE mq_scenario SET mark = mark - 1000');
      await sweeper.forget();
      expect(await log.remembered()).toEqual([]);
      expect(told()).toEqual(['clock-jumped', 'resumed']);
    });

    it('by a clock that is behind the mark, also right after a start', async () => {
      await sql(`UPDATE mq_scenario SET mark = ${(Date.now() + DAY_MS) * 1000}`);
      await expectHeld('clock-jumped');
    });

    it('by a clock that is days ahead of the process, also right after a start', async () => {
      await expectHeld(
        'clock-jumped',
        log.sweeper({ connections: withClock(log.parts.connections, 2 * DAY_MS) }),
      );
      expect(await log.markDaysAgo()).toBeUndefined();
    });

    it("while the broker's clock is behind what it showed when rows were forgotten", async () => {
      await sql(`UPDATE mq_scenario_source SET mark = ${(Date.now() + DAY_MS) * 1000}`);
      await expectHeld('clock-jumped');
    });

    it("while a message can come that the broker's clock has dated into the future", async () => {
      await land('P-1', -300);
      await expectHeld('clock-jumped');
    });
  });

  it('keeps the biz-id of what waits with a date in the future', async () => {
    await land('old', -300);
    await sql(`INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at)
      SELECT subscription_id, seq, 'failed', 0, 0, 0 FROM mq_delivery`);
    await sql('DELETE FROM mq_delivery');
    await log.note(['other'], 60);
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual(['old']);
  });

  it('waits for both topics that share a scenario', async () => {
    const refunds = await log.register('cards', 'payment.refunded', SCENARIO);
    await land('P-1', 50, 'payment.refunded');
    await log.sweeper().forget();
    expect(await log.markDaysAgo()).toBe(50);
    await sql(`DELETE FROM mq_delivery WHERE subscription_id = ${refunds.id}`);
    await land('P-2', 40);
    await log.sweeper().forget();
    expect(await log.markDaysAgo()).toBe(40);
    expect(await log.remembered()).toEqual(['old']);
    await sql('DELETE FROM mq_delivery');
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual([]);
  });

  it('waits no longer for a group that was removed, but for what is parked for whoever comes', async () => {
    await land('P-1', 50);
    await log.parts.broker.removeSubscription({ topic: TOPIC, group: 'cards', version: 1 });
    const [{ seq }] = await sql('SELECT seq FROM mq_message');
    await sql(
      `INSERT INTO mq_parked (topic_id, seq, parked_at, taken) SELECT topic_id, seq, landed_at, 1 FROM mq_message WHERE seq = ${seq}`,
    );
    await log.note(['P-1'], 60);
    await log.note(['other'], 60);
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual(['P-1']);
    await sql('DELETE FROM mq_parked');
    await log.note(['other'], 60);
    await sql('UPDATE mq_scenario SET mark = mark - 1000000');
    await log.sweeper().forget();
    expect(await log.remembered()).toEqual([]);
  });

  it('knows a group that was removed and came back by its new number', async () => {
    const { broker } = log.parts;
    const [first] = await sql('SELECT subscription_id AS id FROM mq_scenario_source');
    await broker.removeSubscription({ topic: TOPIC, group: 'cards', version: 1 });
    const back = through(log.broker, {
      subscribe: (request) => log.broker.subscribe({ ...request, version: 2 }),
    });
    const second = await log.register('cards', TOPIC, SCENARIO, back);
    expect(second.id).not.toBe(first.id);
    const sources = await sql('SELECT subscription_id, former FROM mq_scenario_source ORDER BY id');
    expect(sources).toEqual([
      { subscription_id: first.id, former: 1 },
      { subscription_id: second.id, former: 0 },
    ]);
  });

  it('starts a source that comes later with the mark that there is', async () => {
    await log.sweeper().forget();
    await log.register('cards', 'payment.refunded', SCENARIO);
    const [{ mark }] = await sql('SELECT mark FROM mq_scenario');
    const marks = await sql('SELECT mark FROM mq_scenario_source');
    expect(marks).toHaveLength(2);
    for (const source of marks)
      expect(Math.abs(Number(source.mark) - Number(mark))).toBeLessThan(HOUR_MS * 1000);
  });

  it('reports what would go, what is kept, and what holds the rest back', async () => {
    await log.note(['kept', 'young'], 60);
    await sql(
      `UPDATE mq_dedup SET created_at = created_at + ${50 * DAY_MS * 1000} WHERE biz_id = X'${Buffer.from('young').toString('hex')}'`,
    );
    await land('kept', 3);
    await sql(`INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at)
      SELECT subscription_id, seq, 'failed', 0, 0, 0 FROM mq_delivery`);
    await sql('DELETE FROM mq_delivery');
    await land('P-1', 2);
    const before = await log.remembered();
    const [report] = await log.sweeper().report();
    expect(report).toMatchObject({
      scenario: SCENARIO,
      kind: 'consumer',
      retentionMs: 30 * DAY_MS,
      rows: 3,
      wouldGo: 1,
      kept: 1,
      mark: undefined,
      heldBackBy: 'the oldest message that is ready or leased for group cards of payment.succeeded',
    });
    expect(Math.round((Date.now() - report!.watermark!.getTime()) / DAY_MS)).toBe(2);
    expect(await log.remembered()).toEqual(before);
    expect(await log.markDaysAgo()).toBeUndefined();
  });
});
