import { Injectable } from '@nestjs/common';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  type PayloadOf,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';

// Property: what a process holds stays its own for as long as it lives, begun or not.

/** Opened by the test when a handler may return. */
class Door {
  private open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
  readonly inside: string[] = [];

  async pass(who: string): Promise<void> {
    this.inside.push(who);
    await this.opened;
  }

  letOut(): void {
    this.open();
  }
}

let door: Door;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', concurrency: 1, leaseMs: 1_500 })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    if (paid.amount > 100) await door.pass(paid.paymentId);
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }
}

@Injectable()
class Texting {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'cards', concurrency: 1, leaseMs: 1_500 })
  async text(paid: PayloadOf<typeof PaymentSucceeded>, delivery: AtLeastOnceDelivery) {
    if (paid.amount > 100) await door.pass(paid.paymentId);
    return delivery.ack();
  }
}

describe.each(engines)('leases on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    door = new Door();
  });

  afterEach(async () => {
    door.letOut();
    await app.close();
    await database.drop();
  });

  const start = async (provider: typeof CardIssuing | typeof Texting) => {
    app = await startApp(database, { entities: [CardTable], providers: [provider] });
  };
  const publish = (ids: string[], amount: number) =>
    app.outbox.publishAll(
      PaymentSucceeded,
      ids.map((id) => ({ ...payment(id), amount })),
      { standalone: true },
    );
  /** When each lease runs out, by the delivery's number, in microseconds. */
  const leases = async (): Promise<number[]> => {
    const rows: { until: number | string }[] = await app.dataSource.query(
      'SELECT available_at AS until FROM mq_delivery WHERE token IS NOT NULL ORDER BY seq',
    );
    return rows.map((row) => Number(row.until));
  };

  // On SQLite a handler with a transaction holds the only write lock: nobody can renew, and nobody else can take.
  const provider = engine === 'sqlite' ? Texting : CardIssuing;

  it('are renewed while a handler runs long, and of what waits behind it', async () => {
    await start(provider);
    // A handler that was seen to be fast is given some to wait behind the running one.
    await publish(['fast-1'], 100);
    await app.events('acknowledged');
    await publish(['slow-1', 'slow-2', 'slow-3', 'slow-4'], 200);
    await until('four are held', async () => (await leases()).length === 4);
    const first = await leases();
    await until('the first has begun', () => door.inside.length > 0);
    for (const renewals of [1, 2]) {
      await until(`all were renewed ${renewals} times`, async () => {
        const now = await leases();
        return now.every((lease, i) => lease > first[i]! + renewals * 300_000);
      });
    }
    expect(door.inside).toEqual(['slow-1']);
    door.letOut();
    await app.events('acknowledged', 5);
    expect(app.seen.filter(({ type }) => type === 'lease-lost')).toEqual([]);
    expect(app.seen.filter((event) => event.type === 'delivered' && event.redelivered)).toEqual([]);
  });

  it('are given back at a shutdown by what has not begun, at no cost', async () => {
    await start(provider);
    await publish(['fast-1'], 100);
    await app.events('acknowledged');
    await publish(['slow-1', 'slow-2', 'slow-3'], 200);
    await until('three are held', async () => (await leases()).length === 3);
    await until('the first has begun', () => door.inside.length > 0);
    const closing = app.close();
    const given = await app.events('given-back', 2);
    expect(given.map(({ bizId }) => bizId).sort()).toEqual(['slow-2', 'slow-3']);
    door.letOut();
    await closing;
    await start(provider);
    await app.events('acknowledged', 2);
    expect(app.seen.filter((event) => event.type === 'delivered' && event.redelivered)).toEqual([]);
  });
});
