import { randomBytes } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { smallestIdAt } from '../../src/broker/smallest-id.js';
import { begin, commit } from '../../src/storage/statements/index.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type BrokerParts, DAY_MS, HOUR_MS, WINDOW_MS, idAt, openBroker, send, sent } from './parts.js';

// Property: an inner-msg-id that the broker has forgotten is known by the floor, so its late copy is neither landed twice
// nor dropped. Three orders that look as good do one of the two: here they are done by hand, statement by statement.

/** A side of the race, with a connection of its own. */
type Hand = QueryRunner;

/** How a broker lands an id: its steps, one by one. What comes between two of them is the test's business. */
interface Landing {
  insert(on: Hand, id: Buffer): Promise<void>;
  readFloor(on: Hand): Promise<Buffer | undefined>;
}

const landing: Landing = {
  insert: async (on, id) => {
    await on.manager.query('INSERT INTO mq_accepted (inner_msg_id, body_hash) VALUES (?, ?)', [
      id,
      randomBytes(16),
    ]);
  },
  readFloor: async (on) => {
    const rows = await on.query('SELECT floor FROM mq_accepted_floor WHERE id = 1');
    return rows[0]?.floor as Buffer | undefined;
  },
};

type Fate = 'landed' | 'duplicate' | 'quarantined';

const fateBelow = (floor: Buffer | undefined, id: Buffer): Fate =>
  floor && id.compare(floor) <= 0 ? 'quarantined' : 'landed';

describe.each(engines)('the floor below which ids are forgotten, on %s', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;
  let hands: Hand[];

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
    hands = [];
  });

  afterEach(async () => {
    for (const hand of hands) await hand.release();
    await parts.close();
    await database.drop();
  });

  const hand = async (): Promise<Hand> => {
    const runner = parts.dataSource.createQueryRunner();
    hands.push(runner);
    if (engine === 'mariadb' || engine === 'mysql')
      await runner.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    return runner;
  };
  const raise = (on: Hand, floor: Buffer) =>
    on.manager.query('INSERT INTO mq_accepted_floor (id, floor, clock) VALUES (1, ?, 0)', [floor]);
  const forget = (on: Hand, floor: Buffer) =>
    on.manager.query('DELETE FROM mq_accepted WHERE inner_msg_id <= ?', [floor]);
  const OLD = idAt(Date.now() - WINDOW_MS - DAY_MS);
  const FLOOR = smallestIdAt(Date.now() - WINDOW_MS);

  describe('as it is', () => {
    it('has a late copy quarantined whose id was accepted, and forgotten since', async () => {
      const message = sent('P-1', { innerMsgId: OLD });
      expect(await send(parts.broker, [message])).toEqual(['landed']);
      await parts.broker.sweep();
      expect(await parts.count('accepted')).toBe(0);
      expect(await send(parts.broker, [message])).toEqual(['quarantined']);
      expect(await parts.landed()).toEqual({ 'P-1': 1 });
      expect(await parts.quarantined()).toEqual({ 'P-1': 1 });
      expect(await parts.count('accepted')).toBe(0);
    });

    it('has a late copy absorbed as long as its id is remembered, also below the floor', async () => {
      const message = sent('P-1', { innerMsgId: OLD });
      await send(parts.broker, [message]);
      await raise(await hand(), FLOOR);
      expect(await send(parts.broker, [message])).toEqual(['duplicate']);
    });

    it('takes the floor itself for forgotten, and the next id not', async () => {
      await raise(await hand(), FLOOR);
      const next = Buffer.from(FLOOR);
      next[15]! += 1;
      const messages = [FLOOR, next].map((innerMsgId, i) => sent(`P-${i}`, { innerMsgId }));
      expect(await send(parts.broker, messages)).toEqual(['quarantined', 'landed']);
    });

    it('has what is refused by it undone alone: the others of the shipment land', async () => {
      await parts.broker.sweep();
      const messages = [sent('P-1'), sent('P-2', { innerMsgId: OLD }), sent('P-3')];
      expect(await send(parts.broker, messages)).toEqual(['landed', 'quarantined', 'landed']);
      expect(await parts.landed()).toEqual({ 'P-1': 1, 'P-3': 1 });
      expect(await parts.count('accepted')).toBe(2);
    });

    it('is raised by a broker that lives beside others, and never lowered', async () => {
      for (let round = 0; round < 5; round++) {
        await Promise.all(
          [1, 2, 3].map((days) => parts.another({ innerMsgIdWindowMs: days * DAY_MS }).sweep()),
        );
        const [{ floor }] = await parts.dataSource.query('SELECT floor FROM mq_accepted_floor');
        const newest = smallestIdAt(Date.now() - DAY_MS - HOUR_MS);
        expect((floor as Buffer).compare(newest)).toBe(1);
      }
    });
  });

  // SQLite has one writer at a time: nothing comes between two statements of a transaction there.
  if (engine === 'sqlite') return;

  /**
   * An id was accepted long ago. Its late copy meets the forgetting half-way.
   *
   * @returns what becomes of the copy
   */
  const meet = {
    insertThenReadFloor: async (): Promise<Fate> => {
      const [copy, forgetting] = [await hand(), await hand()];
      await raise(forgetting, FLOOR);
      await forget(forgetting, FLOOR);
      await begin(parts.connections.database, copy);
      await landing.insert(copy, OLD);
      const fate = fateBelow(await landing.readFloor(copy), OLD);
      await commit(copy);
      return fate;
    },
    readFloorThenInsert: async (): Promise<Fate> => {
      const [copy, forgetting] = [await hand(), await hand()];
      await begin(parts.connections.database, copy);
      const fate = fateBelow(await landing.readFloor(copy), OLD);
      await raise(forgetting, FLOOR);
      await forget(forgetting, FLOOR);
      await landing.insert(copy, OLD);
      await commit(copy);
      return fate;
    },
    deleteThenCommitFloor: async (): Promise<Fate> => {
      const [copy, forgetting] = [await hand(), await hand()];
      await forget(forgetting, FLOOR);
      await begin(parts.connections.database, copy);
      await landing.insert(copy, OLD);
      const fate = fateBelow(await landing.readFloor(copy), OLD);
      await commit(copy);
      await raise(forgetting, FLOOR);
      return fate;
    },
  };

  it.each([
    [
      'is quarantined where the id is inserted first, and the floor committed before the id goes',
      'quarantined',
      meet.insertThenReadFloor,
    ],
    ['lands twice where the floor is read first', 'landed', meet.readFloorThenInsert],
    ['lands twice where the id goes before the floor is committed', 'landed', meet.deleteThenCommitFloor],
  ] as const)('a late copy %s', async (_how, fate, play) => {
    await landing.insert(await hand(), OLD);
    expect(await play()).toBe(fate);
  });
});
