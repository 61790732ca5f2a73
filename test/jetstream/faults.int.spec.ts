import { Injectable } from '@nestjs/common';
import { connect, headers as newHeaders } from '@nats-io/transport-node';
import { DeliveryContext, Forgetting, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type CutProxy, cutProxy } from '../support/cut-proxy.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import {
  type TestJetstream,
  createJetstream,
  describeJetstream,
  jetstreamUrl,
} from '../support/jetstream.js';
import { outboxSize } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: whatever breaks between a process and JetStream, nothing that was published is lost, and nothing is done twice.

let whileHandling: () => Promise<void>;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
    await whileHandling();
  }
}

describeJetstream('JetStream, when something breaks,', () => {
  let database: TestDatabase;
  let jetstream: TestJetstream;
  let proxy: CutProxy;
  let app: TestApp | undefined;

  beforeEach(async () => {
    whileHandling = async () => undefined;
    database = await createDatabase('sqlite');
    jetstream = createJetstream();
    const { hostname: host, port } = new URL(jetstreamUrl!);
    proxy = await cutProxy({ host, port: Number(port) });
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    await proxy.close();
    await jetstream.drop();
    await database.drop();
  });

  const stream = () => `${jetstream.prefix}_payment_succeeded`;
  const start = async (options: { consume?: boolean; partitions?: number } = {}) => {
    app = await startApp(database, {
      entities: [CardTable],
      providers: [CardIssuing],
      options: {
        broker: jetstream.broker({
          url: `nats://127.0.0.1:${proxy.port}`,
          timeoutMs: 2_000,
          ...(options.partitions !== undefined && { partitions: options.partitions }),
        }),
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
  const messagesStored = async () =>
    (await jetstream.onServer((manager) => manager.streams.info(stream()))).state.messages;
  const unhandled = async () => {
    const consumers = ['card-issuing', 'card-issuing=key0'];
    const infos = await jetstream.onServer((manager) =>
      Promise.all(consumers.map((consumer) => manager.consumers.info(stream(), consumer))),
    );
    return infos.reduce((sum, { num_ack_pending, num_pending }) => sum + num_ack_pending + num_pending, 0);
  };
  const sendRaw = async (subjects: readonly string[], body: string, sent: Record<string, string> = {}) => {
    const connection = await connect({ servers: new URL(jetstreamUrl!).host });
    const headers = newHeaders();
    for (const [name, value] of Object.entries(sent)) headers.set(name, value);
    for (const subject of subjects) connection.publish(subject, body, { headers });
    await connection.flush();
    await connection.close();
  };
  const emptyOutbox = () =>
    until('the outbox is empty', async () => (await outboxSize(app!.dataSource)) === 0);

  it('the connection is cut before a message arrives: it is sent again, under the same id', async () => {
    await start();
    proxy.cutAt('to-server', (bytes) => bytes.includes('"P-1"'));
    await publish('P-1');
    await app!.events('ack-missed');
    await app!.events('acknowledged');
    expect(proxy.cuts).toBe(1);
    expect(await cards()).toEqual(['P-1']);
    await emptyOutbox();
    expect(await messagesStored()).toBe(1);
  });

  it('the connection is cut before its ACK: it is sent again, and stored once', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    await emptyOutbox();
    proxy.cutAt('to-client', (bytes) => bytes.includes(`"stream":"${stream()}"`));
    await publish('P-1');
    await app!.events('ack-missed');
    await app!.events('acknowledged', 2);
    await emptyOutbox();
    expect(await cards()).toEqual(['P-0', 'P-1']);
    expect(await messagesStored()).toBe(2);
  });

  it('the connection is cut while a handler runs: its ACK may be lost, and its effect is there once', async () => {
    await start();
    let cut = false;
    whileHandling = async () => {
      if (cut) return;
      cut = true;
      proxy.cut();
    };
    await publish('P-1');
    // It was not told that the message is done with, and hands it out again.
    await app!.events('duplicate-absorbed');
    expect(proxy.cuts).toBeGreaterThan(0);
    expect(await cards()).toEqual(['P-1']);
  });

  it('a handler takes longer than the server waits for an ACK: it hears that it goes on, and hands nothing out again', async () => {
    await start();
    whileHandling = () => new Promise((resolve) => setTimeout(resolve, 3_000));
    await publish('P-1');
    await app!.events('acknowledged');
    const { num_redelivered, num_ack_pending } = await jetstream.onServer((manager) =>
      manager.consumers.info(stream(), 'card-issuing'),
    );
    expect(num_redelivered).toBe(0);
    expect(num_ack_pending).toBe(0);
    expect(await cards()).toEqual(['P-1']);
  });

  it('somebody else has sent something to its groups: they pass over it, it stays in the stream, and holds up nobody', async () => {
    await start({ partitions: 1 });
    await publish('P-0');
    await app!.events('acknowledged');
    const subject = `${jetstream.prefix}.payment_succeeded`;
    await sendRaw([`${subject}.key.0`, `${subject}.plain`], '<from-elsewhere/>');
    await publish('P-1', { orderingKey: 'user-1' });
    await publish('P-2', { orderingKey: 'user-1' });
    await publish('P-3');
    await app!.events('acknowledged', 4);
    expect(await cards()).toEqual(['P-0', 'P-1', 'P-2', 'P-3']);
    expect(await messagesStored()).toBe(6);
    await until('nothing of it is under way', async () => (await unhandled()) === 0);
  });

  it('a later version has sent something that it can not read: it is held, and comes again', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    await sendRaw([`${jetstream.prefix}.payment_succeeded.plain`], '?', {
      'Mq-Topic': PaymentSucceeded.name,
    });
    await publish('P-1');
    await app!.events('acknowledged', 2);
    await until('it came again', async () => {
      const { num_redelivered } = await jetstream.onServer((manager) =>
        manager.consumers.info(stream(), 'card-issuing'),
      );
      return num_redelivered === 1;
    });
    expect(await cards()).toEqual(['P-0', 'P-1']);
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

  it('a consumer is deleted under its process: it goes on where it had come to, and misses nothing', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    await jetstream.onServer((manager) => manager.consumers.delete(stream(), 'card-issuing'));
    await publish('P-1');
    await app!.events('acknowledged', 2);
    await emptyOutbox();
    expect(await cards()).toEqual(['P-0', 'P-1']);
  });

  it('a stream is deleted under its process: it is made anew, and what is published afterwards arrives', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    await jetstream.onServer((manager) => manager.streams.delete(stream()));
    await publish('P-1');
    await app!.events('acknowledged', 2);
    await emptyOutbox();
    expect(await cards()).toEqual(['P-0', 'P-1']);
  });

  it('a group is removed: what was published for it is gone, and what comes then waits in the outbox', async () => {
    const request = { topic: PaymentSucceeded.name, group: 'card-issuing', version: 1 };
    await start();
    await publish('P-1');
    await app!.events('acknowledged');
    await app!.close();
    await start({ consume: false });
    await app!.broker.removeSubscription(request);
    expect(await messagesStored()).toBe(0);
    await publish('P-2');
    await app!.events('refused');
    expect(await outboxSize(app!.dataSource)).toBe(1);
    const engine = jetstream.broker().engine();
    await engine.open({ warn: () => undefined });
    await engine.subscribe({ topic: PaymentSucceeded.name, group: 'sms' });
    await emptyOutbox();
    expect(await messagesStored()).toBe(1);
    await engine.close();
  });
});
