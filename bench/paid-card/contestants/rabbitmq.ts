import { type Channel, type ConfirmChannel, type ChannelModel, type Message, connect } from 'amqplib';
import { SqlBusiness, createBusiness, dropDatabase } from '../business/mysql.js';
import { now } from '../clock.js';
import type { ConsumerSide, Contestant, OpenOptions, Opened, Place } from '../contestant.js';
import type { Payment } from '../payment.js';

const PREFETCH_PER_HANDLER = 2;

export const rabbitmq: Contestant = {
  name: 'rabbitmq',
  label: 'RabbitMQ quorum queue + MariaDB',
  family: 'peer',
  servers: ['rabbitmq', 'mariadb'],
  business: 'mariadb',
  settings: `publisher confirms, persistent, one TCP connection with noDelay, prefetch ${PREFETCH_PER_HANDLER} for each handler; the payment commits first, then the message is confirmed`,
  weaker:
    'dual write: a process that dies between the commit and the confirm leaves a payment without a message, and so without a card',
  async create(place) {
    await createBusiness(place, 'mariadb');
    await withChannel(place, (channel) =>
      channel.assertQueue(place.name, { durable: true, arguments: { 'x-queue-type': 'quorum' } }),
    );
  },
  open: openRabbitmq,
  async left(place) {
    const { messageCount } = await withChannel(place, (channel) => channel.checkQueue(place.name));
    return messageCount;
  },
  async drop(place) {
    await withChannel(place, (channel) => channel.deleteQueue(place.name));
    await dropDatabase(place, 'mariadb');
  },
};

function open(place: Place): Promise<ChannelModel> {
  // Without it, Nagle's algorithm adds up to 40 ms to a confirm.
  return connect(place.urls.rabbitmq!, { noDelay: true });
}

async function withChannel<T>(place: Place, work: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = await open(place);
  try {
    return await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

async function openRabbitmq(place: Place, { payers, consumer }: OpenOptions): Promise<Opened> {
  const business = new SqlBusiness(place, 'mariadb', Math.max(1, payers) + (consumer?.concurrency ?? 0));
  const connection = await open(place);
  const confirms = await connection.createConfirmChannel();
  const stop = consumer && (await consume(connection, place.name, business, consumer));
  return {
    async pay(payment) {
      await business.pay(payment.paymentId, payment.amount);
      const committedAt = now();
      await publish(confirms, place.name, payment);
      return committedAt;
    },
    async close() {
      await stop?.();
      await connection.close();
      await business.close();
    },
  };
}

function publish(channel: ConfirmChannel, queue: string, payment: Payment): Promise<void> {
  const content = Buffer.from(JSON.stringify(payment));
  return new Promise((resolve, reject) => {
    channel.sendToQueue(queue, content, { persistent: true }, (error) => (error ? reject(error) : resolve()));
  });
}

/** @returns how it is stopped */
async function consume(
  connection: ChannelModel,
  queue: string,
  business: SqlBusiness,
  consumer: ConsumerSide,
): Promise<() => Promise<void>> {
  const channel = await connection.createChannel();
  const handlers = new Handlers(consumer.concurrency);
  await channel.prefetch(PREFETCH_PER_HANDLER * consumer.concurrency);
  const { consumerTag } = await channel.consume(
    queue,
    (message) => {
      if (message) handlers.run(() => handle(channel, message, business, consumer));
    },
    { noAck: false },
  );
  return async () => {
    await channel.cancel(consumerTag);
    await handlers.idle();
    // Closing it sends what acknowledgements are still in its buffer.
    await channel.close();
  };
}

async function handle(
  channel: Channel,
  message: Message,
  business: SqlBusiness,
  consumer: ConsumerSide,
): Promise<void> {
  const { paymentId } = JSON.parse(message.content.toString()) as Payment;
  await consumer.begin();
  try {
    if (await business.issueCard(paymentId)) consumer.effect(paymentId);
    channel.ack(message);
  } catch (error) {
    console.error(error);
    channel.nack(message);
  }
}

/** So many at once; the others wait in order. */
class Handlers {
  private running = 0;
  private readonly waiting: (() => Promise<void>)[] = [];
  private ended: () => void = () => undefined;

  constructor(private readonly most: number) {}

  run(work: () => Promise<void>): void {
    if (this.running === this.most) {
      this.waiting.push(work);
      return;
    }
    this.running++;
    void work().then(() => {
      this.running--;
      const next = this.waiting.shift();
      if (next) this.run(next);
      else if (this.running === 0) this.ended();
    });
  }

  async idle(): Promise<void> {
    if (this.running > 0) await new Promise<void>((resolve) => (this.ended = resolve));
  }
}
