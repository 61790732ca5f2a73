import { Injectable } from '@nestjs/common';
import { AtLeastOnceConsumer, AtLeastOnceDelivery, IdempotentConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { MINUTE_MS, OrderPlaced, claim, publishOrders, startBroker, subscribe } from '../support/broker.js';
import { CardTable, PaymentSucceeded } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass } from '../support/tables.js';

// Property: an app stops in its own time, whatever another app of the same process runs alone meanwhile.

let begin: () => void;
let opened: Promise<void>;

@Injectable()
class Slow {
  @AtLeastOnceConsumer(OrderPlaced, { group: 'slow' })
  async run(_order: unknown, delivery: AtLeastOnceDelivery) {
    begin();
    await opened;
    return delivery.ack();
  }
}

@Injectable()
class Idle {
  @IdempotentConsumer(PaymentSucceeded, { group: 'idle' })
  async run(): Promise<void> {}
}

describe.each(engines)('of two apps in a process, one of which runs a suspect alone, on %s', (engine) => {
  let suspects: TestDatabase;
  let empty: TestDatabase;
  let slow: TestApp | undefined;
  let open: () => void;

  beforeAll(async () => {
    empty = await createDatabase(engine);
    suspects = await createDatabase(engine);
    opened = new Promise((resolve) => (open = resolve));
  });

  afterAll(async () => {
    open();
    await slow?.close();
    await suspects.drop();
    await empty.drop();
  });

  /** Leaves a delivery for `Slow` that was held by a process which is dead by now. */
  async function leaveSuspect(): Promise<void> {
    const broker = await startBroker(suspects);
    const subscription = await subscribe(broker, 'slow');
    await publishOrders(broker, ['O-1']);
    await claim(broker, subscription);
    await letPass(broker.dataSource, MINUTE_MS);
    await broker.close();
  }

  it('the other one stops at once', async () => {
    await leaveSuspect();
    const begun = new Promise<void>((resolve) => (begin = resolve));
    slow = await startApp(suspects, { providers: [Slow] });
    await begun;
    const idle = await startApp(empty, { entities: [CardTable], providers: [Idle] });
    await idle.close();
    expect(slow.seen.map(({ type }) => type)).not.toContain('acknowledged');
    open();
    await slow.events('acknowledged');
  });
});
