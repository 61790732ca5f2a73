import { jetstream } from '../../src/jetstream/index.js';
import { startApp } from '../support/app.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { createJetstream, describeJetstream } from '../support/jetstream.js';

// Property: JetStream is trusted to know what was sent for as long as it does, and no longer.

const TOPIC = 'payment.succeeded';

describe('the duplicate window', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(() => database.drop());

  it('is refused at the start where a relay may send the same again for longer', async () => {
    const broker = jetstream({ url: 'nats://127.0.0.1:4222', duplicateWindowMs: 60_000 });
    const relay = { maxDelayMs: 5_000, ackTimeoutMs: 2_000 };
    await expect(startApp(database, { options: { broker, relay } })).rejects.toThrow(
      'at least 20 times relay.maxDelayMs and relay.ackTimeoutMs together (140000)',
    );
  });
});

describeJetstream('what is sent again', () => {
  const message = (ageMs: number) => ({
    topic: TOPIC,
    innerMsgId: Buffer.from(`${(Date.now() - ageMs).toString(16).padStart(12, '0')}${'7'.repeat(20)}`, 'hex'),
    bizId: Buffer.from('P-1'),
    body: Buffer.from('{}'),
    headers: null,
    orderingKey: undefined,
    expiresAt: undefined,
  });

  it.each([
    ['within the window is stored once', 30_000, 0],
    ['later is sent all the same, and that is told', 120_000, 2],
  ])('%s', async (_, ageMs, told) => {
    const server = createJetstream();
    const engine = server.broker({ duplicateWindowMs: 60_000 }).engine();
    const lines: string[] = [];
    await engine.open({ warn: (line) => lines.push(line) });
    try {
      await engine.subscribe({ topic: TOPIC, group: 'card-issuing' });
      const sent = message(ageMs);
      expect(await engine.publish([sent])).toEqual([{ kind: 'landed' }]);
      expect(await engine.publish([sent])).toEqual([{ kind: 'duplicate' }]);
      expect(lines.filter((line) => line.includes('are sent again'))).toHaveLength(told);
    } finally {
      await engine.close();
      await server.drop();
    }
  });
});
