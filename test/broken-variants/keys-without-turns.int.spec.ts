import { randomBytes } from 'node:crypto';
import type { BrokerService } from '../../src/broker/index.js';
import type { Connection, LibraryConnections } from '../../src/storage/index.js';
import { type BrokerParts, MINUTE_MS, TOPIC, openBroker, send, sent } from '../relay/parts.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';
import { untilLockWaits } from '../support/lock-waits.js';

// Property: claims of one subscription's keys take turns. Without, one that has not committed yet and what comes in before
// the delivery that it takes put two of one key under way. (SQLite has one writer, so there they take turns anyway.)

const ROUNDS = 5;

/** A claimer whose COMMIT waits until the test says so, and whose turn is only looked at in the variant. */
function slowToCommit(real: LibraryConnections, withTurns: boolean) {
  let open!: () => void;
  let reached!: () => void;
  const commits = new Promise<void>((resolve) => (open = resolve));
  const atCommit = new Promise<void>((resolve) => (reached = resolve));
  const connections: LibraryConnections = Object.assign(Object.create(real) as LibraryConnections, {
    controlTransaction: <T>(work: (on: Connection) => Promise<T>, options?: { attempts: number }) =>
      real.controlTransaction(async (on) => {
        const result = await work(withTurns ? on : withoutTurns(on));
        reached();
        await commits;
        return result;
      }, options),
  });
  return { connections, atCommit, commit: open };
}

function withoutTurns(on: Connection): Connection {
  return {
    ...(on.dataSource && { dataSource: on.dataSource }),
    query: (sql, parameters, structured) =>
      on.query(sql.includes('mq_keyed_turn') ? sql.replace(' FOR UPDATE', '') : sql, parameters, structured),
  };
}

describeOnServers('a claimer that is slow to commit, on %s,', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;
  let subscription: Awaited<ReturnType<BrokerService['subscribe']>>;

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
    subscription = await parts.broker.subscribe({ topic: TOPIC, group: 'cards', version: 1 });
  });

  afterEach(async () => {
    await parts.close();
    await database.drop();
  });

  const claim = async (broker: BrokerService) => {
    const keys = { after: Buffer.alloc(0), until: Buffer.alloc(0), first: true };
    const claimId = randomBytes(16);
    const answer = await broker.claim({
      subscription,
      claimId,
      after: 0,
      limit: 10,
      leaseMs: MINUTE_MS,
      keys,
    });
    return answer.deliveries;
  };

  /** @returns how many of the key are under way at the same time */
  async function underWay(withTurns: boolean): Promise<number> {
    const orderingKey = Buffer.from('account-7');
    await send(parts.broker, [sent('first', { orderingKey }), sent('second', { orderingKey })]);
    const [first] = await claim(parts.broker);
    const { failures, lostLeases, errors } = first!;
    await parts.broker.deadLetter(first!, { failures, lostLeases, errors }, 'rejected');
    const slow = slowToCommit(parts.connections, withTurns);
    const other = slowToCommit(parts.connections, withTurns);
    other.commit();
    const one = claim(parts.another({}, slow.connections));
    await slow.atCommit;
    // It comes in before the one that is being claimed.
    expect(await parts.broker.deadLetters.requeue({ group: 'cards' })).toBe(1);
    const two = claim(parts.another({}, other.connections));
    if (withTurns) await untilLockWaits(parts.dataSource, 1);
    else await two;
    slow.commit();
    const held = [...(await one), ...(await two)];
    for (const each of held) await parts.broker.acknowledge(each);
    for (const each of await claim(parts.broker)) await parts.broker.acknowledge(each);
    expect(await parts.count('delivery_keyed')).toBe(0);
    return held.length;
  }

  it('has the only delivery of the key: who comes next waits for its turn', async () => {
    for (let round = 0; round < ROUNDS; round++) expect(await underWay(true)).toBe(1);
  });

  it('has one of two without turns, as this test would show', async () => {
    for (let round = 0; round < ROUNDS; round++) expect(await underWay(false)).toBe(2);
  });
});
