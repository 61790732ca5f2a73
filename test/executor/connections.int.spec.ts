import { Injectable } from '@nestjs/common';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentExecutor,
  defineTopic,
  outsideTransaction,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';

// Property: whoever waits for a connection is told in time which option would help, keeps no delivery from the other
// processes, and does not hold up a shutdown. (On SQLite everybody has a handle, and the write lock has a limit.)

const CONNECTIONS = 2;
const ENDS = ['acknowledged', 'given-back', 'retry-scheduled', 'dead-lettered', 'lease-lost'];

const PaymentRepeated = defineTopic<Payment>({
  name: 'payment.repeated',
  bizId: ({ paymentId }) => paymentId,
});

type Handler = (paid: Payment, delivery: DeliveryContext, once: IdempotentExecutor) => Promise<unknown>;

let handler: Handler;

@Injectable()
class CardIssuing {
  constructor(private readonly once: IdempotentExecutor) {}

  // Each alone has enough; together they run three.
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', concurrency: CONNECTIONS })
  @IdempotentConsumer(PaymentRepeated, { group: 'card-issuing', concurrency: 1 })
  async issue(paid: Payment, delivery: DeliveryContext): Promise<void> {
    await handler(paid, delivery, this.once);
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }
}

/** What a test lets go by itself. */
function latch() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describeOnServers('connections that are all in use, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    handler = async () => undefined;
    app = await startApp(database, {
      entities: [CardTable],
      providers: [CardIssuing],
      options: { statementTimeoutMs: 1_000, shutdownTimeoutMs: 500, consumers: { connections: CONNECTIONS } },
    });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const publishThree = async () => {
    await app.outbox.publishAll(PaymentSucceeded, ['P-1', 'P-2'].map(payment), { standalone: true });
    await app.outbox.publish(PaymentRepeated, payment('P-3'), { standalone: true });
  };
  /** Works of the executor that hold all of its connections. */
  const holdAll = (opened: Promise<void>) => {
    let count = 0;
    const all = latch();
    const works = ['a', 'b'].map((bizId) =>
      app.executor.run({ scenario: 's', bizId }, async () => {
        if (++count === CONNECTIONS) all.open();
        await opened;
      }),
    );
    return { works, begun: all.opened };
  };
  const attempts = () => app.seen.flatMap((event) => (event.type === 'delivered' ? [event.attempt] : []));

  it('by works of an executor hold up no delivery', async () => {
    const { open, opened } = latch();
    const { works, begun } = holdAll(opened);
    await begun;
    await publishThree();
    await app.events('acknowledged', 3);
    open();
    await Promise.all(works);
  });

  it('by handlers let each of them run an executor outside of its transaction', async () => {
    const { open, opened } = latch();
    let inside = 0;
    handler = async ({ paymentId }, { manager }, once) => {
      await manager.query('SELECT 1');
      if (++inside === CONNECTIONS) open();
      await opened;
      const key = { scenario: 'audit', bizId: paymentId };
      await outsideTransaction(() => once.run(key, async () => undefined));
    };
    await publishThree();
    await app.events('acknowledged', 3);
    expect(attempts().every((attempt) => attempt === 1)).toBe(true);
  });

  it('by works of an executor fail a further one in time, naming the option', async () => {
    const { open, opened } = latch();
    const { works, begun } = holdAll(opened);
    await begun;
    const third = app.executor.run({ scenario: 's', bizId: 'c' }, () => opened);
    await expect(third).rejects.toMatchObject({
      code: 'NO_CONNECTION',
      message: expect.stringMatching(/2 connections for IdempotentExecutor .*consumers\.connections/),
    });
    open();
    await Promise.all(works);
    expect((await app.executor.run({ scenario: 's', bizId: 'c' }, async () => undefined)).executed).toBe(
      true,
    );
  });

  it('by handlers give back a further delivery at no cost, naming the option', async () => {
    const { open, opened } = latch();
    handler = () => opened;
    await publishThree();
    await app.events('given-back', 1, ({ reason }) => reason.includes('NoConnectionError'));
    await app.events('worker-error', 1, ({ error }) => error.includes('consumers.connections'));
    open();
    await app.events('acknowledged', 3);
    expect(attempts().every((attempt) => attempt === 1)).toBe(true);
  });

  it('by handlers don’t keep a shutdown waiting for what waits for them', async () => {
    handler = () => new Promise(() => undefined);
    await publishThree();
    await app.events('delivered', 3);
    const from = performance.now();
    await app.close();
    expect(performance.now() - from).toBeLessThan(8_000);
    const ends = app.seen.map(({ type }) => type).filter((type) => ENDS.includes(type));
    expect(ends).toEqual(['given-back', 'given-back', 'given-back']);
  });
});
