import { randomBytes } from 'node:crypto';
import type { INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type ClientProxy, ClientProxyFactory } from '@nestjs/microservices';
import { getDataSourceToken } from '@nestjs/typeorm';
import { connect } from 'amqplib';
import { lastValueFrom } from 'rxjs';
import type { DataSource } from 'typeorm';
import { Card } from '../../examples/event-pattern/card.entity.js';
import { CardsModule } from '../../examples/event-pattern/cards.module.js';
import { receiving, sending } from '../../examples/event-pattern/microservice.js';
import { PAYMENT_SUCCEEDED } from '../../examples/event-pattern/payment-succeeded.js';
import { IdempotentExecutor } from '../../src/index.js';
import { type CutProxy, cutProxy } from '../support/cut-proxy.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { describeRabbitmq, rabbitmqUrl } from '../support/rabbitmq.js';
import { until } from '../support/until.js';

// Property: a handler of Nest's own transport, which has its dedup from the executor and acknowledges after that, issues one
// card for each payment, however often its message comes.

const PAYMENTS = Array.from({ length: 20 }, (_, i) => `P-${String(i).padStart(2, '0')}`);
/** A method frame of AMQP: basic.ack. */
const BASIC_ACK = Buffer.from([0, 60, 0, 80]);

describeRabbitmq('an @EventPattern handler over RabbitMQ', () => {
  let database: TestDatabase;
  let proxy: CutProxy;
  let app: INestMicroservice;
  let client: ClientProxy;
  let queue: string;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    queue = `t${randomBytes(6).toString('hex')}.cards`;
    const { hostname, port } = new URL(rabbitmqUrl!);
    proxy = await cutProxy({ host: hostname, port: Number(port) });
    const through = new URL(rabbitmqUrl!);
    through.port = String(proxy.port);
    app = await NestFactory.createMicroservice(
      CardsModule.on(database.options),
      Object.assign(receiving({ url: through.href, queue }), { logger: false as const }),
    );
    await app.listen();
    client = ClientProxyFactory.create(sending({ url: rabbitmqUrl!, queue }));
    await client.connect();
  });

  afterEach(async () => {
    await client.close();
    await app.close();
    await proxy.close();
    const connection = await connect(rabbitmqUrl!);
    const channel = await connection.createChannel();
    await channel.deleteQueue(queue);
    await connection.close();
    await database.drop();
  });

  const send = (paymentId: string) =>
    lastValueFrom(client.emit(PAYMENT_SUCCEEDED, { paymentId, userId: 'u1' }), { defaultValue: undefined });
  const cards = async () => {
    const rows = await app.get<DataSource>(getDataSourceToken()).getRepository(Card).find();
    return rows.map(({ paymentId }) => paymentId).sort();
  };
  const runs = () => jest.spyOn(app.get(IdempotentExecutor), 'run');
  const results = (run: ReturnType<typeof runs>) =>
    Promise.all(run.mock.results.map(({ value }) => value as ReturnType<IdempotentExecutor['run']>));

  it('issues one card for each payment that is sent several times', async () => {
    const run = runs();
    for (const paymentId of [...PAYMENTS, ...PAYMENTS, ...PAYMENTS]) await send(paymentId);
    await until('all have come', () => run.mock.calls.length === 3 * PAYMENTS.length);
    const executed = (await results(run)).filter((result) => result.executed);
    expect(executed).toHaveLength(PAYMENTS.length);
    expect(await cards()).toEqual(PAYMENTS);
  });

  it('is handed again what it has not acknowledged, because the connection broke behind its COMMIT', async () => {
    const run = runs();
    proxy.cutAt('to-server', (bytes) => bytes.includes(BASIC_ACK));
    await send('P-00');
    await until('it has come again', () => run.mock.calls.length === 2);
    expect(proxy.cuts).toBeGreaterThan(0);
    expect((await results(run)).map(({ executed }) => executed)).toEqual([true, false]);
    expect(await cards()).toEqual(['P-00']);
  });

  it('is handed again what it has failed at', async () => {
    const run = runs().mockRejectedValueOnce(new Error('the database was away'));
    await send('P-00');
    await until('it has come again', () => run.mock.calls.length === 2);
    await run.mock.results[1]!.value;
    expect(await cards()).toEqual(['P-00']);
  });
});
