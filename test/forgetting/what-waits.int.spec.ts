import { readFileSync } from 'node:fs';
import * as statements from '../../src/storage/statements/index.js';
import { DAY_MS } from '../relay/parts.js';
import { EVERYWHERE, World } from './support/world.js';

// Property: what waits for long (a dead letter, a scheduled message, a quarantined copy) keeps its own biz-id from being
// forgotten, and no other; when it comes, it is judged by that row. What nobody could have known of is not run.

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

describe.each(EVERYWHERE)('what waits for long, on %s with %s,', (engine, shape) => {
  let world: World;

  beforeEach(async () => {
    world = await World.open(engine, shape);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await world.close();
  });

  it('comes weeks later to its one effect, while all else is forgotten', async () => {
    const waiting = ['dead', 'scheduled', 'quarantined'];
    for (const paymentId of waiting) await world.publish(paymentId);
    await world.publishDead('dead');
    await world.publish('scheduled', { delayMs: 50 * DAY_MS });
    await world.quarantine('quarantined');
    await world.quarantine('new');
    for (let day = 0; day < 40; day += 2) {
      if (day < 8) await world.publish(`P-${day}`);
      await world.letDaysPass(2);
      await world.forget();
    }
    // A scheduled message is in its sender's outbox while the broker is apart: it lands when its time has come.
    const kept = shape === 'one database' ? waiting : ['dead', 'quarantined'];
    expect(await world.remembered()).toEqual([...kept].sort());
    await world.requeue();
    await world.releaseAll();
    expect(await world.issued()).toMatchObject({ dead: 1, quarantined: 1, new: 1, 'P-0': 1, 'P-6': 1 });
    await world.letDaysPass(11);
    if (shape === 'one database') {
      await world.app.events('duplicate-absorbed', 1, ({ bizId }) => bizId === 'scheduled');
      expect(await world.issued()).toMatchObject({ scheduled: 1 });
    } else {
      // It lands now, 51 days after the first effect: no repeat that anybody has promised to know.
      await world.app.events('acknowledged', 2, ({ bizId }) => bizId === 'scheduled');
      expect(await world.issued()).toMatchObject({ scheduled: 2 });
    }
    await world.settle();
    expect(await world.deadLetters()).toEqual({});
    // Now nothing waits for them any more.
    await world.letDaysPass(32);
    await world.forget();
    expect(await world.remembered()).toEqual([]);
  });

  it('is kept through a second failure: it was known all the time', async () => {
    await world.publish('P-1');
    await world.publishDead('P-1');
    world.cards.refused.add('P-2');
    await world.publish('P-2');
    for (let round = 0; round < 3; round++) {
      await world.letDaysPass(20);
      await world.forget();
      // P-2 fails again, and was never run.
      await world.app.broker.deadLetters.requeue({ group: 'cards', bizId: 'P-2' });
      await world.settle();
    }
    world.cards.refused.clear();
    await world.requeue();
    expect(await world.issued()).toEqual({ 'P-1': 1, 'P-2': 1 });
    expect(await world.deadLetters()).toEqual({});
  });

  describe('and nobody knew of, because its publishing transaction was open for longer than the slack,', () => {
    const play = async () => {
      await world.publish('P-1');
      await world.letDaysPass(35);
      await world.forget();
      expect(await world.remembered()).toEqual([]);
    };

    it('is too old to judge, which a requeue does not change', async () => {
      await play();
      await world.publishLate('P-1', 20);
      expect(await world.deadLetters()).toEqual({ 'P-1': 'too-old-to-judge' });
      const [letter] = await world.app.broker.deadLetters.list();
      expect(letter!.errors.at(-1)!.error).toContain('docs/forgetting.md#too-old-to-judge');
      await world.letDaysPass(3);
      await world.forget();
      await world.requeue();
      expect(await world.deadLetters()).toEqual({ 'P-1': 'too-old-to-judge' });
      expect(await world.issued()).toEqual({ 'P-1': 1 });
    });

    it('has a second effect where no mark is committed before the rows go', async () => {
      jest.spyOn(statements, 'setScenarioMark').mockResolvedValue(undefined);
      await play();
      await world.publishLate('P-1', 20);
      expect(await world.issued()).toEqual({ 'P-1': 2 });
    });

    it('may be published again, by whoever knows that it is no repeat', async () => {
      await play();
      await world.publishLate('P-2', 20);
      expect(await world.deadLetters()).toEqual({ 'P-2': 'too-old-to-judge' });
      await world.publish('P-2');
      await world.app.broker.deadLetters.purge({ group: 'cards', reason: 'too-old-to-judge' });
      expect(await world.issued()).toEqual({ 'P-1': 1, 'P-2': 1 });
    });

    it.each(['as it is', 'with a list that takes in whatever waits'])(
      'and turns up as a dead letter: %s',
      async (how) => {
        if (how !== 'as it is') {
          const { listSources } = jest.requireActual<typeof statements>(
            '../../src/storage/statements/index.js',
          );
          jest
            .spyOn(statements, 'listSources')
            .mockImplementation(async (...args) =>
              (await listSources(...args)).map((source) => ({ ...source, mark: 0 })),
            );
        }
        await play();
        await world.publishDead('P-1');
        await world.brokerDataSource.query(
          `UPDATE mq_message SET landed_at = landed_at - ${20 * DAY_MS * 1000}`,
        );
        await world.letDaysPass(1);
        await world.forget();
        await world.requeue();
        expect(await world.issued()).toEqual({ 'P-1': how === 'as it is' ? 1 : 2 });
      },
    );

    it('is run all the same where nothing of its scenario was forgotten yet', async () => {
      await world.publishLate('P-1', 300);
      expect(await world.issued()).toEqual({ 'P-1': 1 });
    });
  });

  it('is judged again when a mark that lay in the future was set right, as docs/operations.md says', async () => {
    for (const table of ['scenario', 'scenario_source'])
      await world.dataSource.query(`UPDATE mq_${table} SET mark = ${(Date.now() + 400 * DAY_MS) * 1000}`);
    await world.publishLate('P-1', 0.1);
    expect(await world.deadLetters()).toEqual({ 'P-1': 'too-old-to-judge' });
    const [, chapter] = readFileSync('docs/operations.md', 'utf8').split('### A mark in the future');
    const documented = [...chapter!.split('\n#')[0]!.matchAll(/^UPDATE .+(?=;$)/gm)];
    expect(documented).toHaveLength(2);
    for (const [statement] of documented) {
      const now = {
        sqlite: "CAST(unixepoch('now') AS INTEGER) * 1000000",
        postgres: 'FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)',
      };
      await world.dataSource.query(
        engine in now
          ? statement.replace(/TIMESTAMPDIFF\(.+\)\)/, now[engine as keyof typeof now])
          : statement,
      );
    }
    await world.letDaysPass(1);
    await world.publishLate('P-2', 0.5);
    expect(await world.issued()).toEqual({ 'P-2': 1 });
  });

  it('pins nothing but itself, also where there are more of them than are known by name', async () => {
    await world.publish('P-0');
    await world.publishDead('P-0');
    const [{ seq }] = await world.brokerDataSource.query('SELECT MAX(seq) AS seq FROM mq_message');
    for (let copy = 1; copy <= 1_100; copy += 100) await copyDeadLetter(Number(seq), copy);
    // The others go on behind numbers that were given.
    if (engine === 'postgres')
      await world.brokerDataSource.query(
        "SELECT setval(pg_get_serial_sequence('mq_message', 'seq'), (SELECT MAX(seq) FROM mq_message))",
      );
    await world.letDaysPass(40);
    await world.publish('P-1');
    await world.letDaysPass(40);
    await world.forget();
    // The oldest thousand are known by name; those behind them hold the watermark where they landed.
    expect(await world.remembered()).toEqual(['P-0', 'P-1']);
    await world.app.broker.deadLetters.purge({ group: 'cards' });
    await world.forget();
    expect(await world.remembered()).toEqual([]);
  });

  /** A hundred more dead letters like it. */
  async function copyDeadLetter(seq: number, from: number): Promise<void> {
    const numbers = Array.from({ length: 100 }, (_, i) => seq + from + i);
    const rows = numbers.map((n) => `SELECT ${n} AS n`).join(' UNION ALL ');
    const bizId = {
      sqlite: "CAST('X-' || n.n AS BLOB)",
      postgres: "convert_to('X-' || n.n, 'UTF8')",
      mariadb: "CONCAT('X-', n.n)",
      mysql: "CONCAT('X-', n.n)",
    }[engine];
    await world.brokerDataSource.query(
      `INSERT INTO mq_message (seq, inner_msg_id, topic_id, biz_id, \`body\`, landed_at)
       SELECT n.n, m.inner_msg_id, m.topic_id, ${bizId}, m.\`body\`, m.landed_at
       FROM mq_message m JOIN (${rows}) n ON 1 = 1 WHERE m.seq = ?`,
      [seq],
    );
    await world.brokerDataSource.query(
      `INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at)
       SELECT d.subscription_id, n.n, d.reason, 0, 0, d.dead_at FROM mq_dead_letter d JOIN (${rows}) n ON 1 = 1 WHERE d.seq = ?`,
      [seq],
    );
  }
});
