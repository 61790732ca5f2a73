import { IdempotentMqOperations, type Status, getIdempotentMqOperationsToken } from '../../src/index.js';
import { EVERYWHERE, World } from '../forgetting/support/world.js';
import { DAY_MS } from '../relay/parts.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { until } from '../support/until.js';
import { Desk, PaymentRefunded } from './support/desk.js';

// Property: status() counts each thing where it is, once; and reads no more of a long table than it says.

/** Microseconds since 1970: in 2096. */
const FAR_AHEAD = 4_000_000_000_000_000;

const exactly = (value: number) => ({ value, precision: 'exact' });

describe.each(EVERYWHERE)('on %s with %s, status()', (engine, shape) => {
  let world: World;
  let desk: Desk;

  beforeEach(async () => {
    world = await World.open(engine, shape, { providers: [Desk] });
    desk = world.app.nest.get(Desk);
  });

  afterEach(() => world.close());

  const status = (): Promise<Status> => world.app.nest.get(IdempotentMqOperations).status();

  it('says of a quiet system that it is quiet', async () => {
    const { groups, topics, quarantine, outbox, scenarios, process, broker, notes, schemaVersion } =
      await status();
    expect(groups).toEqual([
      {
        topic: 'payment.succeeded',
        group: 'cards',
        version: 1,
        paused: false,
        limits: { concurrency: null, perSecond: null },
        ready: exactly(0),
        oldestReadyMs: undefined,
        inFlight: exactly(0),
        waiting: exactly(0),
        retrying: exactly(0),
        keyedLines: exactly(0),
        deadLetters: exactly(0),
        oldestDeadLetterMs: undefined,
      },
    ]);
    expect(topics).toContainEqual({
      topic: 'payment.succeeded',
      groups: 1,
      parked: exactly(0),
      oldestParkedMs: undefined,
    });
    expect(quarantine).toEqual({ waiting: exactly(0), oldestMs: undefined });
    expect(outbox).toEqual({
      waiting: exactly(0),
      oldestMs: undefined,
      sent: exactly(0),
      scheduled: exactly(0),
    });
    expect(scenarios).toMatchObject([
      { kind: 'consumer', rows: exactly(0), retentionMs: 30 * DAY_MS, mark: undefined },
    ]);
    expect(process).toEqual({
      relaying: shape === 'one database' ? undefined : true,
      consuming: [
        {
          handler: 'Desk.issue (group cards, topic payment.succeeded)',
          topic: 'payment.succeeded',
          group: 'cards',
        },
      ],
    });
    expect(broker).toMatchObject({
      kind: shape === 'one database' ? 'same-database' : 'own-database',
      reachable: true,
    });
    expect({ notes, schemaVersion: schemaVersion > 0 }).toEqual({ notes: [], schemaVersion: true });
  });

  it('counts what is ready, in flight, tried again, dead, parked, quarantined and done', async () => {
    await world.quarantine('P-0');
    await world.publish('P-1');
    desk.fails.set('P-2', 'no paper');
    desk.rejects.set('P-3', 'no such user');
    for (const id of ['P-2', 'P-3']) await world.publish(id);
    await world.app.broker.groups.pause({ group: 'cards' });
    await world.app.outbox.publish(PaymentRefunded, payment('P-5'), { standalone: true });
    for (const id of ['P-6', 'P-7']) {
      await world.app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
      await world.app.outbox.publish(PaymentSucceeded, payment(`${id}-keyed`), {
        standalone: true,
        orderingKey: 'card 7',
      });
    }
    await until('all have landed', async () => {
      const { groups, outbox } = await status();
      return outbox.waiting.value === 0 && groups[0]!.ready.value === 4;
    });
    await world.brokerDataSource.query(
      'UPDATE mq_delivery SET token = ?, available_at = ? WHERE seq = (SELECT * FROM (SELECT MIN(seq) FROM mq_delivery) d)',
      [Buffer.alloc(16, 7), FAR_AHEAD],
    );
    const { groups, topics, quarantine, scenarios } = await status();
    expect(groups).toMatchObject([
      {
        paused: true,
        ready: exactly(3),
        inFlight: exactly(1),
        waiting: exactly(1),
        retrying: exactly(1),
        keyedLines: exactly(1),
        deadLetters: exactly(1),
      },
    ]);
    expect(groups[0]!.oldestReadyMs).toBeGreaterThanOrEqual(0);
    expect(groups[0]!.oldestDeadLetterMs).toBeGreaterThanOrEqual(0);
    expect(topics).toContainEqual({
      topic: 'payment.refunded',
      groups: 0,
      parked: exactly(1),
      oldestParkedMs: expect.any(Number),
    });
    expect(quarantine).toEqual({ waiting: exactly(1), oldestMs: expect.any(Number) });
    expect(scenarios).toMatchObject([{ rows: exactly(1), oldestMs: expect.any(Number) }]);
  });

  it('says how old the oldest is', async () => {
    await world.app.broker.groups.pause({ group: 'cards' });
    await world.app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await until('it has landed', async () => (await status()).groups[0]!.ready.value === 1);
    await world.letDaysPass(2);
    await world.app.outbox.publish(PaymentSucceeded, payment('P-2'), { standalone: true });
    await until('it has landed', async () => (await status()).groups[0]!.ready.value === 2);
    const { oldestReadyMs } = (await status()).groups[0]!;
    expect(Math.abs(oldestReadyMs! - 2 * DAY_MS)).toBeLessThan(60_000);
  });

  it('counts no further than it says, and says that there is more', async () => {
    await world.publish('P-1');
    const { dataSource } = world;
    const [{ id }] = await dataSource.query('SELECT id FROM mq_scenario');
    // Doubled until there are more than are counted.
    const digits = {
      sqlite: 'CAST(hex(randomblob(8)) AS BLOB)',
      mariadb: 'CAST(UUID() AS BINARY)',
      mysql: 'CAST(UUID() AS BINARY)',
      postgres: `convert_to(gen_random_uuid()::text, 'UTF8')`,
    }[engine];
    await dataSource.query('UPDATE mq_dedup SET biz_id = ? WHERE scenario_id = ?', [Buffer.from('0'), id]);
    for (let rows = 1; rows <= 100_000; rows *= 2) {
      await dataSource.query(
        `INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at)
         SELECT scenario_id, ${digits}, token, seq, source_id, created_at FROM mq_dedup WHERE scenario_id = ?`,
        [id],
      );
    }
    const { rows } = (await status()).scenarios[0]!;
    if (engine === 'sqlite') expect(rows).toEqual({ value: 100_000, precision: 'at-least' });
    else expect(rows).toMatchObject({ precision: expect.stringMatching(/^(at-least|estimated)$/) });
    expect(rows.value).toBeGreaterThanOrEqual(100_000);
  });

  it('is found under the name of a named instance', () => {
    expect(getIdempotentMqOperationsToken()).toBe(IdempotentMqOperations);
    expect(getIdempotentMqOperationsToken('b')).toBe(getIdempotentMqOperationsToken('b'));
    expect(getIdempotentMqOperationsToken('b')).not.toBe(getIdempotentMqOperationsToken('c'));
  });
});
