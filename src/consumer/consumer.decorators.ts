import 'reflect-metadata';
import { ConfigurationError, InvalidOptionError } from '../errors/index.js';
import { type AnyTopic, type PayloadOf, checkTopic } from '../topic/index.js';
import type { AtLeastOnceBatch, BatchContext } from './batch/batch-context.js';
import {
  type AnyConsumerOptions,
  type AtLeastOnceBatchConsumerOptions,
  type AtLeastOnceConsumerOptions,
  type IdempotentBatchConsumerOptions,
  type IdempotentConsumerOptions,
  checkName,
  resolveConsumerOptions,
} from './consumer-options.js';
import type { Acked, AtLeastOnceDelivery, DeliveryContext } from './delivery-context.js';
import { defineHandlerParameters } from './handler-parameters.js';

/** A string, not a symbol of this copy: the ESM and the CommonJS copy of the library read each other's decorators. */
const CONSUMER_METADATA = 'nestjs-idempotent-mq:consumer';

export interface ConsumerMetadata {
  kind: 'idempotent' | 'at-least-once';
  topic: AnyTopic;
  options: AnyConsumerOptions;
}

/** A method decorator that only fits methods of this type. */
type HandlerDecorator<Handler> = <H extends Handler>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<H>,
) => void;

const SHARED_OPTIONS = [
  'group',
  'subscriptionVersion',
  'instance',
  'guards',
  'globalInterceptors',
  'concurrency',
  'leaseMs',
  'timeoutMs',
  'retry',
  'batch',
];

/**
 * The method handles each message of the topic for its group, and each biz-id takes effect once: the dedup row and what
 * the handler writes through `delivery.manager` are one commit. The ACK is part of it, or follows it where the broker has
 * a database of its own. Decorate a method several times for several topics.
 *
 * Returning says that the business is done. Throw `RetryLaterError` or `RejectMessageError` to say something else; any
 * other error counts as a failure and comes again with backoff.
 *
 * With `batch`, the method gets an array of payloads and a {@link BatchContext}, and all of them are one commit. No biz-id
 * is in it twice, and none that took effect before.
 */
export function IdempotentConsumer<T extends AnyTopic>(
  topic: T,
  options: IdempotentBatchConsumerOptions,
): HandlerDecorator<(payloads: PayloadOf<T>[], batch: BatchContext<PayloadOf<T>>) => unknown>;
export function IdempotentConsumer<T extends AnyTopic>(
  topic: T,
  options: IdempotentConsumerOptions,
): HandlerDecorator<(payload: PayloadOf<T>, delivery: DeliveryContext) => unknown>;
export function IdempotentConsumer(
  topic: AnyTopic,
  options: AnyConsumerOptions,
): HandlerDecorator<(...args: never[]) => unknown> {
  check('@IdempotentConsumer', topic, options, [
    ...SHARED_OPTIONS,
    'scenario',
    'ack',
    'fingerprint',
    'perTransaction',
  ]);
  if (options.scenario !== undefined) checkName('@IdempotentConsumer scenario', options.scenario);
  if (options.ack !== undefined && options.ack !== 'return' && options.ack !== 'manual') {
    throw new InvalidOptionError('@IdempotentConsumer ack', options.ack, "'return' or 'manual'");
  }
  if (options.ack === 'manual' && options.perTransaction !== undefined && options.perTransaction !== 1) {
    throw new InvalidOptionError(
      '@IdempotentConsumer perTransaction',
      options.perTransaction,
      "1, or left out, with ack: 'manual': a handler's own ACK is for its own transaction",
    );
  }
  checkAlone('@IdempotentConsumer', options);
  return decorate({ kind: 'idempotent', topic, options });
}

/**
 * The method handles each message of the topic for its group, at least once: no dedup row is written, and after a lost
 * ACK the message comes again. For effects that a repeat does no harm to. The ACK is the handler's own call, and what it
 * has to return.
 *
 * With `batch`, the method gets an array of payloads and an {@link AtLeastOnceBatch}.
 */
export function AtLeastOnceConsumer<T extends AnyTopic>(
  topic: T,
  options: AtLeastOnceBatchConsumerOptions,
): HandlerDecorator<
  (payloads: PayloadOf<T>[], batch: AtLeastOnceBatch<PayloadOf<T>>) => Acked | Promise<Acked>
>;
export function AtLeastOnceConsumer<T extends AnyTopic>(
  topic: T,
  options: AtLeastOnceConsumerOptions,
): HandlerDecorator<(payload: PayloadOf<T>, delivery: AtLeastOnceDelivery) => Acked | Promise<Acked>>;
export function AtLeastOnceConsumer(
  topic: AnyTopic,
  options: AnyConsumerOptions,
): HandlerDecorator<(...args: never[]) => unknown> {
  check('@AtLeastOnceConsumer', topic, options, SHARED_OPTIONS);
  return decorate({ kind: 'at-least-once', topic, options });
}

/** @throws InvalidOptionError for what a handler of batches has no use for */
function checkAlone(decorator: string, { batch, ack, perTransaction }: AnyConsumerOptions): void {
  if (batch === undefined) return;
  if (ack === 'manual') {
    const expected = "'return', or left out, with batch: single deliveries are rejected, postponed or failed";
    throw new InvalidOptionError(`${decorator} ack`, ack, expected);
  }
  if (perTransaction === undefined) return;
  const expected = 'left out with batch, whose max deliveries have one transaction';
  throw new InvalidOptionError(`${decorator} perTransaction`, perTransaction, expected);
}

/** The consumers that a method was decorated as. */
export function consumersOf(method: unknown): readonly ConsumerMetadata[] {
  if (typeof method !== 'function') return [];
  return (Reflect.getMetadata(CONSUMER_METADATA, method) as ConsumerMetadata[] | undefined) ?? [];
}

function decorate(consumer: ConsumerMetadata): HandlerDecorator<(...args: never[]) => unknown> {
  return (target, key, descriptor) => {
    const method = descriptor.value!;
    checkMethod(consumer, target, key, method);
    Reflect.defineMetadata(CONSUMER_METADATA, [...consumersOf(method), consumer], method);
    defineHandlerParameters(target, key);
  };
}

/** @throws ConfigurationError for a method that would never run */
function checkMethod(
  { topic }: ConsumerMetadata,
  target: object,
  key: string | symbol,
  method: (...args: never[]) => unknown,
): void {
  const isStatic = typeof target === 'function';
  const name = `${isStatic ? target.name : target.constructor.name}.${String(key)} (topic ${topic.name})`;
  if (isStatic) {
    throw new ConfigurationError(
      `${name} is a static method, and consumers are methods of providers, which Nest makes instances of: leave out \`static\`.`,
    );
  }
  if (/Generator/.test(Object.prototype.toString.call(method))) {
    throw new ConfigurationError(
      `${name} is a generator: calling it runs nothing of it, and the message would be acknowledged all the same. Make it an async method.`,
    );
  }
}

function check(
  decorator: string,
  topic: AnyTopic,
  options: AnyConsumerOptions,
  known: readonly string[],
): void {
  checkTopic(`${decorator}(topic)`, topic);
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(`${decorator}(${topic.name}) options`, options, 'an object with a group');
  }
  const where = `${decorator}(${topic.name})`;
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown) {
    throw new InvalidOptionError(
      `${where} ${unknown}`,
      (options as unknown as Record<string, unknown>)[unknown],
      `left out: it is not an option. Known are ${known.join(', ')}`,
    );
  }
  checkName(`${where} group`, options.group);
  if (options.instance !== undefined) checkName(`${where} instance`, options.instance);
  const version = options.subscriptionVersion;
  if (version !== undefined && !(Number.isInteger(version) && version >= 1 && version < 2 ** 31)) {
    throw new InvalidOptionError(`${where} subscriptionVersion`, version, 'a whole number from 1');
  }
  for (const flag of ['guards', 'globalInterceptors'] as const) {
    if (options[flag] !== undefined && typeof options[flag] !== 'boolean') {
      throw new InvalidOptionError(`${where} ${flag}`, options[flag], 'a boolean');
    }
  }
  resolveConsumerOptions(where, options);
}
