import { Injectable } from '@nestjs/common';
import {
  type Acked,
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  type PayloadOf,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Noted, note } from './support/published.js';

@Injectable()
class Readers {
  readonly deliveries: object[] = [];

  @IdempotentConsumer(Noted, { group: 'idempotent' })
  read(_: PayloadOf<typeof Noted>, delivery: DeliveryContext) {
    this.deliveries.push(delivery);
  }

  @AtLeastOnceConsumer(Noted, { group: 'at-least-once' })
  async readAgain(_: PayloadOf<typeof Noted>, delivery: AtLeastOnceDelivery): Promise<Acked> {
    this.deliveries.push(delivery);
    return delivery.ack();
  }
}

const PARTS = [
  ...['ack', 'attempt', 'bizId', 'group', 'headers', 'orderingKey', 'payloadOf', 'publishedAt', 'signal'],
  'topic',
];

describe.each(engines)('the inner-msg-id, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [Readers] });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('is stored with the message, in the order of publishing, and handlers never see it', async () => {
    const ids = await app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(Noted, note('1'), { manager, headers: { trace: 'x' } });
      await app.outbox.publishAll(Noted, [note('2'), note('3')], { manager });
      const rows = await manager.query('SELECT inner_msg_id FROM mq_message ORDER BY seq');
      return (rows as { inner_msg_id: Buffer }[]).map((row) => row.inner_msg_id.toString('hex'));
    });
    expect(ids).toEqual([...new Set(ids)].sort());
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab]/);

    await app.events('acknowledged', 6);
    const { deliveries } = app.nest.get(Readers);
    for (const delivery of deliveries) {
      const parts = delivery instanceof DeliveryContext ? [...PARTS, 'manager'].sort() : PARTS;
      expect(Object.keys(delivery).sort()).toEqual(parts);
    }
    const seen = JSON.stringify(app.seen) + JSON.stringify(deliveries.map(visible));
    for (const id of ids) expect(seen).not.toContain(id);
  });
});

function visible(delivery: object): unknown {
  const { bizId, headers, topic } = delivery as DeliveryContext;
  return { bizId, headers: [...headers], topic };
}
