import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type BrokerParts, openBroker, send, sent } from './parts.js';
import { deadlock, failing } from './failing.js';

// Property: whichever statement of the broker fails while it takes a shipment, and whether or not the database had done
// it by then: what was answered is durable, and sending again stores nothing twice.

describe.each(engines)('a broker on %s that fails at one of its statements', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
    await parts.broker.subscribe({ topic: 'payment.refunded', group: 'cards', version: 1 });
  });

  afterEach(async () => {
    await parts.close();
    await database.drop();
  });

  /** Two topics, one known and one known with another body: every statement there is. */
  const shipment = async (round: number) => {
    const known = sent(`K-${round}`);
    const other = sent(`O-${round}`);
    await send(parts.broker, [known, other]);
    return [
      known,
      sent(`A-${round}`),
      { ...other, body: Buffer.from('0') },
      sent(`B-${round}`, { topic: 'payment.refunded' }),
      sent(`C-${round}`),
    ];
  };
  const ANSWERS = ['duplicate', 'landed', 'quarantined', 'landed', 'landed'];
  const expected = (round: number) =>
    Object.fromEntries(['K', 'O', 'A', 'B', 'C'].map((name) => [`${name}-${round}`, 1]));

  const faults = [
    ['a deadlock at it', 'before', () => deadlock(engine)],
    ['a lost connection before it', 'before', () => new Error('connection lost')],
    ['a lost connection after it', 'after', () => new Error('connection lost')],
  ] as const;

  it.each(faults)('takes each message once, with %s', async (_what, when, error) => {
    let steps = Infinity;
    for (let at = 1; at <= steps; at++) {
      const messages = await shipment(at);
      const connections = failing(parts.connections, { at, when, error: error() });
      const broken = parts.another({}, connections);
      const answers = await send(broken, messages, { claims: at }).catch(() => undefined);
      if (answers) expect(answers).toEqual(ANSWERS);
      // As a relay does that has heard no answer.
      else await send(broken, messages, { claims: at + 1 });
      if (steps === Infinity) steps = connections.steps;
      expect(await parts.landed()).toMatchObject(expected(at));
      expect((await parts.quarantined())[`O-${at}`]).toBeGreaterThanOrEqual(1);
    }
    expect(steps).toBeGreaterThan(8);
    expect(await parts.count('message')).toBe(5 * steps);
    expect(await parts.count('delivery')).toBe(steps);
  });
});
