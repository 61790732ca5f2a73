import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  InvalidPayloadError,
  type PayloadOf,
  type PublishedBy,
  type StandardSchemaV1,
  defineTopic,
} from '../../src/index.js';
import { fingerprintOf } from '../../src/topic/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { NOTHING, publishedRows } from './support/anything.js';

const schema = z.object({
  orderId: z.string().min(1),
  placedAt: z.iso.datetime().transform((text) => new Date(text)),
  currency: z.string().default('EUR'),
  lines: z.array(z.object({ quantity: z.int().positive() })),
});
const OrderPlaced = defineTopic({ name: 'order.placed', bizId: (order) => order.orderId, schema });

/** The same topic as an older publisher knows it, which no schema keeps from publishing. */
const OrderPlacedLongAgo = defineTopic<{ orderId: string; lines?: unknown }>({
  name: 'order.placed',
  bizId: ({ orderId }) => orderId,
});

const AsyncChecked = defineTopic({
  name: 'order.checked',
  bizId: ({ id }) => id,
  schema: z.object({ id: z.string() }).refine(async ({ id }) => id !== 'refused', 'not this one'),
});

/** A Standard Schema by hand, whose output has nothing of its input's names, and which spoils what it was given. */
const byHand: StandardSchemaV1<{ id: string }, { order: string; source: string }> = {
  '~standard': {
    version: 1,
    vendor: 'by-hand',
    validate: (value) => {
      const body = value as { id?: string };
      const order = body.id!.trim();
      delete body.id;
      return { value: { order, source: 'shop' } };
    },
  },
};
const Renamed = defineTopic({ name: 'order.renamed', bizId: ({ id }) => id, schema: byHand });

@Injectable()
class Renaming {
  private readonly handled: [string, string, unknown][] = [];

  get got() {
    return [...this.handled].sort();
  }

  @IdempotentConsumer(Renamed, { group: 'orders' })
  take(order: PayloadOf<typeof Renamed>, { group, bizId }: DeliveryContext) {
    this.handled.push([group, bizId, order]);
  }

  @AtLeastOnceConsumer(Renamed, { group: 'texts' })
  async text(order: PayloadOf<typeof Renamed>, delivery: AtLeastOnceDelivery) {
    this.handled.push([delivery.group, delivery.bizId, order]);
    return delivery.ack();
  }
}

@Injectable()
class Orders {
  readonly placed: PayloadOf<typeof OrderPlaced>[] = [];
  readonly again: unknown[] = [];

  @IdempotentConsumer(OrderPlaced, { group: 'orders' })
  take(order: PayloadOf<typeof OrderPlaced>, delivery: DeliveryContext) {
    this.placed.push(order);
    this.again.push(delivery.payloadOf(OrderPlaced));
  }
}

const order: PublishedBy<typeof OrderPlaced> = {
  orderId: 'O-1',
  placedAt: '2024-05-01T10:00:00.000Z',
  lines: [{ quantity: 2 }],
};

describe.each(engines)('a topic with a schema, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it("stores what the publisher passed, and hands the schema's output to the handler", async () => {
    app = await startApp(database, { options: { roles: { consume: false } }, providers: [Orders] });
    await app.outbox.publish(OrderPlaced, order, { standalone: true });
    const [{ body }] = await app.dataSource.query('SELECT body FROM mq_message');
    expect(body.toString('utf8')).toBe(JSON.stringify(order));
    await app.close();

    app = await startApp(database, { providers: [Orders] });
    await app.events('acknowledged');
    const { placed, again } = app.nest.get(Orders);
    const output = { ...order, placedAt: new Date('2024-05-01T10:00:00Z'), currency: 'EUR' };
    expect(placed).toEqual([output]);
    expect(again).toEqual([output]);
  });

  it('reads the biz-id from what was published, whatever the schema makes of it', async () => {
    app = await startApp(database, { providers: [Renaming], options: { consumers: { fingerprint: true } } });
    await app.outbox.publish(Renamed, { id: '  O-1  ' }, { standalone: true });
    await app.events('acknowledged', 2);
    const { got } = app.nest.get(Renaming);
    expect(got).toEqual([
      ['orders', '  O-1  ', { order: 'O-1', source: 'shop' }],
      ['texts', '  O-1  ', { order: 'O-1', source: 'shop' }],
    ]);
    const [{ biz_id, fingerprint }] = await app.dataSource.query('SELECT biz_id, fingerprint FROM mq_dedup');
    expect(biz_id.toString('utf8')).toBe('  O-1  ');
    expect(fingerprint).toEqual(fingerprintOf({ id: '  O-1  ' }));
  });

  it('stores what the publisher passed in an outbox too', async () => {
    const broker = await createDatabase(engine);
    app = await startApp(database, {
      options: { roles: { consume: false, relay: false }, broker: { dataSource: broker.options } },
    });
    await app.outbox.publish(OrderPlaced, order, { standalone: true });
    const [{ body }] = await app.dataSource.query('SELECT body FROM mq_outbox');
    expect(body.toString('utf8')).toBe(JSON.stringify(order));
    await app.close();
    await broker.drop();
  });

  it('refuses to publish what does not fit, listing each problem', async () => {
    app = await startApp(database);
    const wrong = { orderId: '', placedAt: 'yesterday', lines: [{ quantity: 0 }] };
    const attempt = app.dataSource.transaction((manager) =>
      app.outbox.publish(OrderPlaced, wrong, { manager }),
    );
    await expect(attempt).rejects.toThrow(InvalidPayloadError);
    await expect(attempt).rejects.toThrow(
      /Topic order.placed: the payload does not fit the schema: orderId: .+; placedAt: .+; lines.0.quantity: .+/,
    );
    const checked = app.outbox.publish(AsyncChecked, { id: 'refused' }, { standalone: true });
    await expect(checked).rejects.toThrow('not this one');
    expect(await publishedRows(app)).toEqual(NOTHING);
  });

  it('backs off with a message that does not fit when it comes, and takes it when it does', async () => {
    app = await startApp(database, {
      providers: [Orders],
      options: { consumers: { retry: { attempts: 3 } } },
    });
    await app.outbox.publish(OrderPlacedLongAgo, { orderId: 'old' }, { standalone: true });
    const [first] = await app.events('retry-scheduled');
    expect(first).toMatchObject({ bizId: 'old', failures: 1, error: expect.stringContaining('placedAt') });
    await app.events('dead-lettered');
    const [letter] = await app.broker.deadLetters.list();
    expect(letter).toMatchObject({ reason: 'failed', failures: 3 });
    expect(letter!.errors.at(-1)!.error).toContain('does not fit the schema');
    expect(app.nest.get(Orders).placed).toEqual([]);

    await app.outbox.publish(OrderPlacedLongAgo, order, { standalone: true });
    await app.events('acknowledged');
    expect(app.nest.get(Orders).placed).toHaveLength(1);
  });
});
