import { Injectable } from '@nestjs/common';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  BatchContext,
  DeliveryContext,
  IdempotentConsumer,
  type PayloadOf,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import {
  type Leased,
  OrderPlaced,
  claim,
  claimKeyed,
  numbered,
  publishOrders,
  publishUnder,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { forEngineOf } from '../support/postgres-words.js';
import { until } from '../support/until.js';
import { type Recording, record } from '../support/wire-recorder.js';

// Property: what each step costs in round trips. A statement more is a decision, not an accident.

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    const sql = "INSERT INTO card (paymentId, issuedBy) VALUES (?, 'cards')";
    await delivery.manager.query(forEngineOf(delivery.manager, sql), [paid.paymentId]);
  }
}

@Injectable()
class BatchIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', batch: { max: 10 } })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>[], { manager }: BatchContext) {
    const values = paid.map(() => "(?, 'cards')").join(', ');
    const ids = paid.map(({ paymentId }) => paymentId);
    const sql = `INSERT INTO card (paymentId, issuedBy) VALUES ${values}`;
    await manager.query(forEngineOf(manager, sql), ids);
  }
}

@Injectable()
class Texting {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms' })
  async text(_paid: PayloadOf<typeof PaymentSucceeded>, delivery: AtLeastOnceDelivery) {
    return delivery.ack();
  }
}

describe.each(engines)('statements on %s', (engine) => {
  const BEGIN = engine === 'sqlite' ? 'BEGIN IMMEDIATE' : 'START TRANSACTION';
  const POLL_MS = 200;
  let database: TestDatabase;
  let recording: Recording;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    recording = await record(database);
  });

  afterEach(async () => {
    await app.close();
    await recording.close();
    await database.drop();
  });

  /** The statements of this work, each cut to its verb and the tables that it names. */
  async function during(work: () => Promise<unknown>): Promise<string[]> {
    const from = recording.statements.length;
    await work();
    const sent = recording.statements.slice(from).filter(({ sql }) => !isNotice(sql));
    return sent.map(({ sql }) => outline(sql));
  }

  /** Publishes a payment and waits until it is done with; then the transaction in which it was, from first to last. */
  function consumed(bizId: string, messages: number, first: RegExp): Promise<string[]> {
    const publish = () => app.outbox.publish(PaymentSucceeded, payment(bizId), { standalone: true });
    return consumedBy(publish, messages, first);
  }

  /** @param drops how often it is told that messages are gone, the warm-up included */
  async function consumedBy(
    publish: () => Promise<unknown>,
    drops: number,
    first: RegExp,
  ): Promise<string[]> {
    const from = recording.statements.length;
    await publish();
    await app.events('message-dropped', drops);
    const since = recording.statements.slice(from);
    const begun = since.findIndex(({ sql }) => first.test(sql));
    const { connection } = since[begun]!;
    // SQLite's recorder can't tell connections apart, and a worker may ask meanwhile.
    const own = since
      .slice(begun)
      .filter((statement) => statement.connection === connection && !isPoll(statement.sql));
    return own.slice(0, own.findIndex(({ sql }) => sql === 'COMMIT') + 1).map(({ sql }) => outline(sql));
  }

  /** Its polls are too rare to come between. The first delivery sets up connections, so it is not counted. */
  async function startConsuming(
    provider: typeof CardIssuing | typeof BatchIssuing | typeof Texting,
    { fingerprint = false, perTransaction = 1 } = {},
  ): Promise<void> {
    app = await startApp(recording.database, {
      entities: [PaymentTable, CardTable],
      providers: [provider],
      options: { consumers: { fingerprint, perTransaction, connections: 1, concurrency: 1, pollMs: 60_000 } },
    });
    await app.outbox.publish(PaymentSucceeded, payment('warm-up'), { standalone: true });
    await app.events('message-dropped');
  }

  it('a publish adds two to the transaction of the business', async () => {
    app = await startBroker(recording.database, { entities: [PaymentTable] });
    await subscribe(app, 'card-issuing', PaymentSucceeded.name);
    await subscribe(app, 'sms', PaymentSucceeded.name);
    const statements = await during(() =>
      app.dataSource.transaction(async (manager) => {
        await manager.insert(PaymentRow, { paymentId: 'P-1', amount: 100 });
        await app.outbox.publish(PaymentSucceeded, payment('P-1'), { manager });
      }),
    );
    expect(statements).toEqual([
      BEGIN,
      'INSERT payment',
      'INSERT mq_message',
      'INSERT mq_delivery SELECT mq_topic mq_subscription',
      'COMMIT',
    ]);
  });

  it('a publish of 12,000 messages adds four', async () => {
    app = await startBroker(recording.database);
    await subscribe(app, 'cards');
    const statements = await during(() => publishOrders(app, numbered(12_000)));
    const batch = ['INSERT mq_message', 'INSERT mq_delivery SELECT mq_topic mq_subscription'];
    expect(statements).toEqual([BEGIN, ...batch, ...batch, 'COMMIT']);
    const [{ n }] = await app.dataSource.query('SELECT COUNT(*) AS n FROM mq_delivery');
    expect(Number(n)).toBe(12_000);
  });

  it('a publish that finds no group adds three', async () => {
    app = await startBroker(recording.database);
    const statements = await during(() => publishOrders(app, ['O-1']));
    expect(statements).toEqual([
      BEGIN,
      'INSERT mq_message',
      'INSERT mq_delivery SELECT mq_topic mq_subscription',
      'INSERT mq_parked SELECT mq_topic',
      'COMMIT',
    ]);
  });

  it('a publish under ordering keys adds two as well', async () => {
    app = await startBroker(recording.database);
    await subscribe(app, 'cards');
    const inserts = ['INSERT mq_message', 'INSERT mq_delivery_keyed SELECT mq_topic mq_subscription'];
    for (const orders of [['a-1'], ['a-2', 'a-3']]) {
      const statements = await during(() => publishUnder(app, 'a', orders));
      expect(statements).toEqual([BEGIN, ...inserts, 'COMMIT']);
    }
  });

  it('a claim that looks at ordering keys is one more, and ten where it takes some', async () => {
    app = await startBroker(recording.database);
    const cards = await subscribe(app, 'cards');
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    await publishUnder(app, 'b', ['b-1', 'b-2']);
    const plain = 'SELECT mq_delivery mq_subscription mq_paused mq_group_limit';
    expect(await during(() => claimKeyed(app, cards))).toEqual([
      BEGIN,
      'SELECT mq_delivery_keyed',
      plain,
      'SELECT mq_keyed_turn mq_subscription mq_paused mq_group_limit',
      'SELECT mq_delivery_keyed',
      'SELECT mq_delivery_keyed',
      'SELECT mq_delivery_keyed',
      'UPDATE mq_delivery_keyed',
      'SELECT mq_message',
      'COMMIT',
    ]);
    expect(await during(() => claimKeyed(app, cards))).toEqual([
      BEGIN,
      'SELECT mq_delivery_keyed',
      plain,
      'COMMIT',
    ]);
  });

  it('a claim of any size is five, and three where there is nothing', async () => {
    app = await startBroker(recording.database);
    const cards = await subscribe(app, 'cards');
    await publishOrders(app, numbered(100));
    await claim(app, cards, { limit: 1 });
    const statements = await during(() => claim(app, cards, { limit: 99 }));
    expect(statements).toEqual([
      BEGIN,
      'SELECT mq_delivery mq_subscription mq_paused mq_group_limit',
      'UPDATE mq_delivery',
      'SELECT mq_message',
      'COMMIT',
    ]);
    expect(await during(() => claim(app, cards))).toEqual([
      BEGIN,
      'SELECT mq_delivery mq_subscription mq_paused mq_group_limit',
      'COMMIT',
    ]);
  });

  it('a claim of a limited group is nine, ten where leases have ended, and four where there is no place', async () => {
    app = await startBroker(recording.database);
    const cards = await subscribe(app, 'cards');
    await publishOrders(app, numbered(200));
    await app.broker.groups.limit({ group: 'cards' }, { concurrency: 50, perSecond: 1_000 });
    await app.broker.poll(cards, 0);
    const allow = [
      BEGIN,
      'SELECT mq_group_limit mq_subscription',
      'SELECT mq_limited_lease mq_delivery mq_delivery_keyed',
    ];
    const lease = [
      'SELECT mq_delivery mq_subscription mq_paused',
      'UPDATE mq_delivery',
      `${engine === 'postgres' ? 'INSERT' : 'REPLACE'} mq_limited_lease`,
      'UPDATE mq_group_limit',
      'SELECT mq_message',
      'COMMIT',
    ];
    let held: Leased[] = [];
    expect(await during(async () => (held = (await claim(app, cards)).deliveries))).toEqual([
      ...allow,
      ...lease,
    ]);
    expect(held).toHaveLength(50);
    expect(await during(() => claim(app, cards))).toEqual([...allow, 'COMMIT']);
    for (const one of held) await app.broker.acknowledge(one);
    expect(await during(() => claim(app, cards))).toEqual([...allow, 'DELETE mq_limited_lease', ...lease]);
  });

  it.each([
    ['', false],
    [', with a fingerprint as well', true],
  ])(
    'a consume is four: dedup row, the effect, the ACK that is the witness, COMMIT%s',
    async (_, fingerprint) => {
      await startConsuming(CardIssuing, { fingerprint });
      expect(await consumed('P-1', 2, /^INSERT INTO .mq_dedup/)).toEqual([
        'INSERT mq_dedup',
        'INSERT card',
        'DELETE mq_delivery mq_dedup',
        'COMMIT',
      ]);
    },
  );

  it('a consume of several in one transaction is three, and the effects of each', async () => {
    await startConsuming(CardIssuing, { perTransaction: 10 });
    const publish = () =>
      app.outbox.publishAll(
        PaymentSucceeded,
        ['P-1', 'P-2', 'P-3'].map((id) => payment(id)),
        { standalone: true },
      );
    expect(await consumedBy(publish, 2, /^INSERT INTO .mq_dedup/)).toEqual([
      'INSERT mq_dedup',
      'INSERT card',
      'INSERT card',
      'INSERT card',
      'DELETE mq_delivery mq_dedup',
      'COMMIT',
    ]);
  });

  it.each([
    ['', undefined, ['DELETE mq_delivery mq_dedup']],
    [' with ordering keys', (id: string) => id, ['DELETE mq_delivery_keyed mq_dedup']],
    [
      ' of which some have an ordering key',
      (id: string) => (id === 'P-1' ? id : undefined),
      ['DELETE mq_delivery mq_dedup', 'DELETE mq_delivery_keyed mq_dedup'],
    ],
  ])('a consume of a batch%s is as many as of one message', async (_, keyOf, acks) => {
    await startConsuming(BatchIssuing);
    const publish = () =>
      app.dataSource.transaction(async (manager) => {
        for (const id of ['P-1', 'P-2', 'P-3']) {
          const orderingKey = keyOf?.(id);
          await app.outbox.publish(PaymentSucceeded, payment(id), {
            manager,
            ...(orderingKey && { orderingKey }),
          });
        }
      });
    expect(await consumedBy(publish, 2, /^INSERT INTO .mq_dedup/)).toEqual([
      'INSERT mq_dedup',
      'INSERT card',
      ...acks,
      'COMMIT',
    ]);
  });

  it.each([
    ['', false],
    [', with a fingerprint as well', true],
  ])('a duplicate is four, none of them the handler’s%s', async (_, fingerprint) => {
    await startConsuming(CardIssuing, { fingerprint });
    expect(await consumed('warm-up', 2, /^INSERT INTO .mq_dedup/)).toEqual([
      'INSERT mq_dedup',
      'SELECT mq_dedup',
      'DELETE mq_delivery',
      'COMMIT',
    ]);
  });

  it('an ACK without dedup is one, and its transaction', async () => {
    await startConsuming(Texting);
    expect(await consumed('P-1', 2, /^DELETE FROM .mq_delivery/)).toEqual(['DELETE mq_delivery', 'COMMIT']);
  });

  it('a start that finds the contract as it was asks for it once, and writes nothing', async () => {
    await startConsuming(CardIssuing);
    await app.close();
    const ofContract = async () =>
      (await during(() => startConsuming(CardIssuing))).filter((sql) => / mq_scenario_contract$/.test(sql));
    expect(await ofContract()).toEqual(['SELECT mq_scenario_contract']);
  });

  it('an idle group asks at most five times a second, one statement each time', async () => {
    app = await startApp(recording.database, {
      providers: [Texting],
      options: { consumers: { pollMs: POLL_MS } },
    });
    const sent = () => recording.statements.filter(({ sql }) => !isNotice(sql));
    await until('the worker has asked once', () => sent().some(({ sql }) => isPoll(sql)));
    const from = sent().length;
    const ASKED = 6;
    await until('the worker has asked six times more', () => sent().length - from >= ASKED);
    const asked = sent().slice(from, from + ASKED);
    expect(asked.map(({ sql }) => outline(sql))).toEqual(
      Array(ASKED).fill(
        'SELECT mq_delivery mq_delivery_keyed mq_subscription mq_paused mq_waiting mq_group_limit',
      ),
    );
    // Timers may be late, never early, but for the rounding of a millisecond.
    expect(asked.at(-1)!.at - asked[0]!.at).toBeGreaterThanOrEqual((ASKED - 1) * (POLL_MS - 2));
  });

  it('a topic that is registered costs a publish no look-up', async () => {
    app = await startBroker(recording.database);
    await subscribe(app, 'cards');
    const statements = await during(() =>
      app.outbox.publish(OrderPlaced, { orderId: 'O-1' }, { standalone: true }),
    );
    expect(statements).toHaveLength(4);
  });
});

/** On PostgreSQL, beside the steps: to those who listen and by them, with the set-up of a connection for that. */
const isNotice = (sql: string) => /pg_notify|^LISTEN|^SET /.test(sql);
const isPoll = (sql: string) => sql.startsWith('SELECT EXISTS');

/** On PostgreSQL a message is answered with its number, and with the topic that is locked by that. */
const withoutAnswer = (sql: string) => sql.replace(/ RETURNING .*$/, '');

/** `INSERT mq_delivery SELECT mq_topic mq_subscription`: the verbs and the tables, in their order. */
function outline(sql: string): string {
  const words =
    withoutAnswer(sql).match(/^\w+( (IMMEDIATE|TRANSACTION))?|\b(mq_\w+|payment|card)\b|\bSELECT\b/g) ?? [];
  const ofSubquery = (word: string, i: number) => word === 'SELECT' && i > 0 && !sql.startsWith('INSERT');
  return [...new Set(words.filter((word, i) => !ofSubquery(word, i)))].join(' ');
}
