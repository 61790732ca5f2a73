import { type RmqOptions, Transport } from '@nestjs/microservices';

export interface Address {
  url: string;
  queue: string;
}

/** Nest's own transport, as both ends have it: a quorum queue, and messages that survive the server. */
function overRabbitmq({ url, queue }: Address): NonNullable<RmqOptions['options']> {
  return {
    urls: [url],
    queue,
    persistent: true,
    queueOptions: {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 20 },
    },
  };
}

/** `noAck: false`, or a message is gone before it is handled. */
export function receiving(address: Address): RmqOptions {
  return {
    transport: Transport.RMQ,
    options: { ...overRabbitmq(address), noAck: false, prefetchCount: 10 },
  };
}

export function sending(address: Address): RmqOptions {
  return { transport: Transport.RMQ, options: overRabbitmq(address) };
}
