import { randomBytes } from 'node:crypto';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type BrokerParts, openBroker, send, sent } from './parts.js';

// Property: relays that send the same at the same moment, in whatever order, store it once; what gets in another's way
// there is tried again, and nobody hears of it.

const ROUNDS = 25;

describe.each(engines)('several relays that send the same at once, to a broker on %s,', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
  });

  afterEach(async () => {
    await parts.close();
    await database.drop();
  });

  const once = (messages: readonly { bizId: Buffer }[]) =>
    Object.fromEntries(messages.map(({ bizId }) => [bizId.toString(), 1]));

  it('have it landed once, and one of them is told so', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const message = sent(`P-${round}`);
      const others = Array.from({ length: 3 }, () =>
        send(parts.another(), [message], { origin: randomBytes(16) }),
      );
      const answers = (await Promise.all(others)).flat();
      expect(answers.sort()).toEqual(['duplicate', 'duplicate', 'landed']);
    }
    expect(Object.values(await parts.landed())).toEqual(Array(ROUNDS).fill(1));
  });

  it('have batches landed once that cross in opposite orders, of one outbox and of several', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const messages = Array.from({ length: 12 }, (_, i) => sent(`P-${round}-${i}`));
      const opposite = [...messages].reverse();
      const origin = randomBytes(16);
      const answers = await Promise.all([
        send(parts.broker, messages, { origin, claims: round + 1 }),
        send(parts.another(), opposite, { origin, claims: round + 2 }),
        send(parts.another(), [...messages.slice(6), ...messages.slice(0, 6)], { origin: randomBytes(16) }),
      ]);
      expect(answers.flat().filter((kind) => kind === 'landed')).toHaveLength(messages.length);
      expect(await parts.landed()).toMatchObject(once(messages));
    }
    expect(await parts.count('accepted')).toBe(12 * ROUNDS);
  });

  it('have quarantined copies kept that cross in opposite orders, beside what lands', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const known = Array.from({ length: 6 }, (_, i) => sent(`K-${round}-${i}`));
      await send(parts.broker, known);
      const others = known.map((message) => ({ ...message, body: Buffer.from('{}') }));
      const fresh = [sent(`P-${round}-1`), sent(`P-${round}-2`, { topic: 'payment.refunded' })];
      const answers = await Promise.all([
        send(parts.broker, [...others, fresh[0]!], { origin: randomBytes(16) }),
        send(parts.another(), [fresh[1]!, ...[...others].reverse()], { origin: randomBytes(16) }),
      ]);
      const kinds = [...Array<string>(12).fill('quarantined'), 'landed', 'landed'];
      expect(answers.flat().sort()).toEqual(kinds.sort());
      expect(await parts.landed()).toMatchObject(once([...known, ...fresh]));
    }
    const copies = Object.values(await parts.quarantined());
    expect(copies).toEqual(Array(6 * ROUNDS).fill(2));
  });
});
