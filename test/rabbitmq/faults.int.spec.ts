import { Injectable } from '@nestjs/common';
import { connect } from 'amqplib';
import { DeliveryContext, Forgetting, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type CutProxy, cutProxy } from '../support/cut-proxy.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { type TestRabbitmq, createRabbitmq, describeRabbitmq, rabbitmqUrl } from '../support/rabbitmq.js';
import { outboxSize } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: whatever breaks between a process and RabbitMQ, nothing that was published is lost, and nothing is done twice.

let whileHandling: () => Promise<void>;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
    await whileHandling();
  }
}

describeRabbitmq('RabbitMQ, when something breaks,', () => {
  let database: TestDatabase;
  let rabbitmq: TestRabbitmq;
  let proxy: CutProxy;
  let app: TestApp | undefined;

  beforeEach(async () => {
    whileHandling = async () => undefined;
    database = await createDatabase('sqlite');
    rabbitmq = createRabbitmq();
    const { hostname: host, port } = new URL(rabbitmqUrl!);
    proxy = await cutProxy({ host, port: Number(port || 5672) });
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    await proxy.close();
    await rabbitmq.drop();
    await database.drop();
  });

  const throughProxy = () => {
    const url = new URL(rabbitmq.url);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    return rabbitmq.broker({ url: url.href, timeoutMs: 2_000 });
  };
  const start = async (options: { consume?: boolean } = {}) => {
    app = await startApp(database, {
      entities: [CardTable],
      providers: [CardIssuing],
      options: {
        broker: throughProxy(),
        roles: { consume: options.consume ?? true },
        relay: { ackTimeoutMs: 1_000 },
      },
    });
    return app;
  };
  const publish = (paymentId: string, options: { orderingKey?: string } = {}) =>
    app!.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true, ...options });
  const cards = async () =>
    (await app!.dataSource.getRepository(CardRow).find()).map(({ paymentId }) => paymentId).sort();
  const onServer = async <T>(
    work: (channel: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['createChannel']>>) => Promise<T>,
  ) => {
    const connection = await connect(rabbitmq.url);
    try {
      return await work(await connection.createChannel());
    } finally {
      await connection.close();
    }
  };

  it('the connection is cut before a message arrives: it is sent again, under the same id', async () => {
    await start();
    proxy.cutAt('to-server', (bytes) => bytes.includes('P-1'));
    await publish('P-1');
    await app!.events('ack-missed');
    await app!.events('acknowledged');
    expect(proxy.cuts).toBe(1);
    expect(await cards()).toEqual(['P-1']);
    await until('the outbox is empty', async () => (await outboxSize(app!.dataSource)) === 0);
  });

  it('the connection is cut before its confirm: it travels twice, and takes effect once', async () => {
    await start();
    const ack = Buffer.from([0, 60, 0, 80]);
    await publish('P-0');
    await app!.events('acknowledged');
    proxy.cutAt('to-client', (bytes) => bytes.includes(ack));
    await publish('P-1');
    await app!.events('ack-missed');
    await app!.events('acknowledged', 2);
    await app!.events('duplicate-absorbed');
    expect(await cards()).toEqual(['P-0', 'P-1']);
  });

  it('the connection is cut while a handler runs: its message comes again, and takes effect once', async () => {
    await start();
    let cut = false;
    whileHandling = async () => {
      if (cut) return;
      cut = true;
      proxy.cut();
    };
    await publish('P-1');
    await app!.events('duplicate-absorbed');
    expect(proxy.cuts).toBeGreaterThan(0);
    expect(await cards()).toEqual(['P-1']);
  });

  it('a group is removed: what it has handled may be forgotten, since nothing of it can come', async () => {
    await start();
    await publish('P-1');
    await app!.events('acknowledged');
    await app!.close();
    await start({ consume: false });
    const held = async () => (await app!.nest.get(Forgetting).report()).map(({ heldBackBy }) => heldBackBy);
    await app!.broker.removeSubscription({ topic: PaymentSucceeded.name, group: 'card-issuing', version: 1 });
    expect(await held()).toEqual([undefined]);
  });

  it('nobody has subscribed yet: the message waits in the outbox, and goes to the group that comes', async () => {
    await start({ consume: false });
    await publish('P-1');
    const [refused] = await app!.events('refused');
    expect(refused!.error).toContain('no group has subscribed to payment.succeeded yet');
    expect(await outboxSize(app!.dataSource)).toBe(1);
    await app!.close();
    await start();
    await app!.events('acknowledged');
    expect(await cards()).toEqual(['P-1']);
  });

  it('somebody else has sent something to its groups: it is put away as it came, and holds up nobody', async () => {
    const foreign = `${rabbitmq.prefix}.foreign`;
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    await onServer(async (channel) => {
      for (const kind of ['topic', 'keyed']) {
        channel.publish(
          `${rabbitmq.prefix}.${kind}.${PaymentSucceeded.name}`,
          '',
          Buffer.from(`<from-elsewhere.${kind}/>`),
          // A number that the client reads and can't write.
          { contentType: 'text/xml', headers: { least: { '!': 'double', value: -1e300 } } },
        );
      }
      await until('both are put away', async () => {
        const { messageCount } = await channel.assertQueue(foreign, {
          durable: true,
          arguments: { 'x-queue-type': 'quorum' },
        });
        return messageCount === 2;
      });
    });
    await publish('P-1', { orderingKey: 'user-1' });
    await publish('P-2', { orderingKey: 'user-1' });
    await publish('P-3');
    await app!.events('acknowledged', 4);
    expect(await cards()).toEqual(['P-0', 'P-1', 'P-2', 'P-3']);
    const kept = await onServer(async (channel) => {
      const both = [await channel.get(foreign, { noAck: true }), await channel.get(foreign, { noAck: true })];
      await channel.deleteQueue(foreign);
      return both.map((one) => one && [one.content.toString(), JSON.stringify(one.properties.headers)]);
    });
    expect(kept.sort()).toEqual([
      ['<from-elsewhere.keyed/>', expect.stringContaining('text/xml')],
      ['<from-elsewhere.topic/>', expect.stringContaining('text/xml')],
    ]);
  });

  it('a message of another topic comes to its groups, as by a mistaken binding: it is put away, and not handled', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    const foreign = `${rabbitmq.prefix}.foreign`;
    await onServer(async (channel) => {
      const headers = { 'mq-topic': 'refund.made', 'mq-biz-id': Buffer.from('P-1'), 'mq-landed-at': 1 };
      const properties = { messageId: 'ab'.repeat(16), headers };
      channel.publish(`${rabbitmq.prefix}.topic.${PaymentSucceeded.name}`, '', Buffer.from('{}'), properties);
      await until('it is put away', async () => {
        const queue = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
        return (await channel.assertQueue(foreign, queue)).messageCount === 1;
      });
      await channel.deleteQueue(foreign);
    });
    await publish('P-1');
    await app!.events('acknowledged', 2);
    expect(await cards()).toEqual(['P-0', 'P-1']);
  });

  it.each([undefined, 'user-1'])(
    'the exchange is deleted, with all bindings: they are made anew, and nothing waits for ever (ordering key: %s)',
    async (orderingKey) => {
      const options = orderingKey === undefined ? {} : { orderingKey };
      await start();
      await publish('P-0', options);
      await app!.events('acknowledged');
      const kind = orderingKey === undefined ? 'topic' : 'keyed';
      await onServer((channel) =>
        channel.deleteExchange(`${rabbitmq.prefix}.${kind}.${PaymentSucceeded.name}`),
      );
      await publish('P-1', options);
      await app!.events('acknowledged', 2);
      expect(await cards()).toEqual(['P-0', 'P-1']);
    },
  );

  it('a binding is taken away, and another one is left: it is there again when a consumer starts', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    await app!.close();
    const exchange = `${rabbitmq.prefix}.topic.${PaymentSucceeded.name}`;
    const queue = (await rabbitmq.queues()).find(
      (name) => name.includes('.card-issuing.') && !name.includes('.keyed'),
    )!;
    await onServer(async (channel) => {
      await channel.unbindQueue(queue, exchange, '');
      await channel.assertQueue(`${rabbitmq.prefix}.other`, { durable: true });
      await channel.bindQueue(`${rabbitmq.prefix}.other`, exchange, '');
    });
    await start();
    await publish('P-1');
    await app!.events('acknowledged');
    expect(await cards()).toEqual(['P-0', 'P-1']);
    await onServer((channel) => channel.deleteQueue(`${rabbitmq.prefix}.other`));
  });

  it('a later version has sent something that it can not read: it is held, and still there when the process has gone', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    const exchange = `${rabbitmq.prefix}.topic.${PaymentSucceeded.name}`;
    await onServer(async (channel) => {
      channel.publish(exchange, '', Buffer.from('?'), {
        headers: { 'mq-topic': PaymentSucceeded.name, 'mq-biz-id': 17 },
      });
      await channel.close();
    });
    await publish('P-1');
    await app!.events('acknowledged', 2);
    await app!.close();
    app = undefined;
    const queue = (await rabbitmq.queues()).find(
      (name) => name.includes('.card-issuing.') && !name.includes('.keyed'),
    )!;
    await until('it is back in the queue', () =>
      onServer(async (channel) => (await channel.checkQueue(queue)).messageCount === 1),
    );
  });

  it('a consumer has died over its queue, which is bound and of no group: nothing is lost to it', async () => {
    const exchange = `${rabbitmq.prefix}.topic.${PaymentSucceeded.name}`;
    const orphan = `${rabbitmq.prefix}.orphan`;
    await onServer(async (channel) => {
      await channel.assertExchange(exchange, 'fanout', { durable: true });
      await channel.assertQueue(orphan, { durable: true });
      await channel.bindQueue(orphan, exchange, '');
    });
    await start({ consume: false });
    await publish('P-1');
    await app!.events('refused');
    expect(await outboxSize(app!.dataSource)).toBe(1);
    await app!.close();
    await start();
    await app!.events('acknowledged');
    expect(await cards()).toEqual(['P-1']);
    await onServer((channel) => channel.deleteQueue(orphan));
  });

  it('a queue is deleted while its consumer runs: it is made anew, and what is published afterwards arrives', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    const before = await rabbitmq.queues();
    await onServer(async (channel) => {
      for (const queue of before) await channel.deleteQueue(queue);
    });
    await publish('P-1');
    await app!.events('acknowledged', 2);
    expect(await cards()).toEqual(['P-0', 'P-1']);
    expect(await rabbitmq.queues()).not.toEqual(before);
  });

  it('one of two queues is deleted, and its consumer is away: what is published is not acknowledged without it', async () => {
    await start();
    const engine = rabbitmq.broker().engine();
    await engine.open({ warn: () => undefined });
    await engine.subscribe({ topic: PaymentSucceeded.name, group: 'sms' });
    const [queue] = (await rabbitmq.queues()).filter(
      (name) => name.includes('.sms.') && !name.includes('.keyed'),
    );
    await onServer((channel) => channel.deleteQueue(queue!));
    await publish('P-1');
    const [missed] = await app!.events('ack-missed');
    expect(missed!.error).toContain('of group sms is gone');
    expect(await outboxSize(app!.dataSource)).toBe(1);
    // Its consumer is there again.
    await engine.subscribe({ topic: PaymentSucceeded.name, group: 'sms' });
    await until('the outbox is empty', async () => (await outboxSize(app!.dataSource)) === 0);
    const [anew] = (await rabbitmq.queues()).filter(
      (name) => name.includes('.sms.') && !name.includes('.keyed'),
    );
    // At least one copy: it was sent as long as the queue was not known to be there again.
    const { messageCount } = await onServer((channel) => channel.checkQueue(anew!));
    expect(messageCount).toBeGreaterThan(0);
    await engine.close();
  });

  it('a group is removed: publishers no longer wait for it, and its queues are gone', async () => {
    await start();
    const request = { topic: PaymentSucceeded.name, group: 'card-issuing', version: 1 };
    await publish('P-1');
    await app!.events('acknowledged');
    await app!.close();
    await start({ consume: false });
    await app!.broker.removeSubscription(request);
    expect(await rabbitmq.queues()).toEqual([]);
    await publish('P-2');
    await app!.events('refused');
  });
});
