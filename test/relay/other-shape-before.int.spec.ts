import { Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { scenarioName } from '../../src/consumer/scenario.js';
import { connect } from './support-connect.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: what a consumer left in its dedup log before its broker got a database of its own, or after that was given up,
// is read for what it says: a whole effect is a duplicate, half of one is Torn.

@Injectable()
class CardIssuing {
  runs = 0;

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(_paid: PayloadOf<typeof PaymentSucceeded>): Promise<void> {
    this.runs++;
  }
}

type Look = (idle: TestApp) => Promise<number>;

/** As the last statement of a transaction leaves it where the ACK comes after the COMMIT. */
const WHOLE = Buffer.alloc(0);
/** As the first one leaves it where the ACK is part of the COMMIT. */
const BEGUN = null;

describe.each(engines)('a dedup row of the very delivery, on %s,', (engine) => {
  let databases: TwoDatabases;
  let app: TestApp;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
  });

  afterEach(async () => {
    await app.close();
    await databases.drop();
  });

  const seqIn = async (dataSource: DataSource): Promise<number> => {
    const [{ seq }] = await dataSource.query('SELECT seq FROM mq_message');
    return Number(seq);
  };
  const seqOf = (idle: TestApp) => seqIn(idle.dataSource);
  const fromApart = async (idle: TestApp) => {
    await idle.events('relayed');
    return connect(databases.broker, seqIn);
  };

  /** Publishes while nobody consumes, and writes the row that a process before has left. */
  async function leave(idle: TestApp, inBroker: Look, result: Buffer | null): Promise<void> {
    const { id: subscription } = await idle.broker.subscribe({
      topic: PaymentSucceeded.name,
      group: 'card-issuing',
      version: 1,
    });
    await idle.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    const seq = await inBroker(idle);
    const name = scenarioName({ group: 'card-issuing', topic: PaymentSucceeded.name });
    await idle.dataSource.query('INSERT INTO mq_scenario (name) VALUES (?)', [Buffer.from(name)]);
    const [{ id: scenario }] = await idle.dataSource.query('SELECT id FROM mq_scenario');
    const { broker } = await idle.broker.identify();
    await idle.dataSource.query(
      'INSERT INTO mq_scenario_source (scenario_id, broker, subscription_id, topic, group_name) VALUES (?, ?, ?, ?, ?)',
      [scenario, broker, subscription, Buffer.from(PaymentSucceeded.name), Buffer.from('card-issuing')],
    );
    const [{ id: source }] = await idle.dataSource.query('SELECT id FROM mq_scenario_source');
    await idle.dataSource.query(
      'INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at, result) VALUES (?, ?, ?, ?, ?, ?, ?)',
      [scenario, Buffer.from('P-1'), Buffer.alloc(16, 1), seq, source, Date.now() * 1000, result],
    );
  }

  it.each([
    {
      what: 'half an effect, from when the ACK was part of the COMMIT',
      result: BEGUN,
      event: 'dead-lettered',
    },
    { what: 'a whole effect', result: WHOLE, event: 'duplicate-absorbed' },
  ] as const)('is $what where the broker is apart', async ({ result, event }) => {
    const idle = await startApart(databases, { options: { roles: { consume: false } } });
    await leave(idle, fromApart, result);
    await idle.close();
    app = await startApart(databases, { providers: [CardIssuing] });
    await app.events(event);
    expect(app.nest.get(CardIssuing).runs).toBe(0);
  });

  it.each([
    { what: 'half an effect', result: BEGUN, event: 'dead-lettered' },
    {
      what: 'a whole effect, from when the ACK came after the COMMIT',
      result: WHOLE,
      event: 'duplicate-absorbed',
    },
  ] as const)('is $what where the broker is in the same database', async ({ result, event }) => {
    const idle = await startApp(databases.business, { options: { roles: { consume: false } } });
    await leave(idle, seqOf, result);
    await idle.close();
    app = await startApp(databases.business, { providers: [CardIssuing] });
    await app.events(event);
    expect(app.nest.get(CardIssuing).runs).toBe(0);
  });
});
