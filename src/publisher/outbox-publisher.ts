import type { DataSource, QueryRunner } from 'typeorm';
import {
  CapabilityMissingError,
  InvalidOptionError,
  type PublishCall,
  TransactionEndedError,
  errorCode,
} from '../errors/index.js';
import { currentScope, outsideTransaction } from '../transaction/index.js';
import type { GuardedSpan, GuardedTracing } from '../tracing/index.js';
import type { OutgoingMessage, PublishTarget, Timing } from '../transport/port.js';
import {
  type PayloadLimits,
  type PublishedBy,
  type AnyTopic,
  bizIdOf,
  checkTopic,
  decodePayload,
  encodeBizId,
  encodeHeaders,
  encodeOrderingKey,
  encodePayload,
  validatePayload,
  withContext,
} from '../topic/index.js';
import { InnerMsgIds } from './inner-msg-id.js';
import { type JoinOptions, joinedRunner } from './joined-transaction.js';
import {
  type JoinTransactionOptions,
  type PublishAllOptions,
  type PublishOptions,
  checkPublishOptions,
} from './publish-options.js';
import { timingOf } from './timing.js';

export interface OutboxPublisherOptions extends JoinOptions {
  dataSource: DataSource;
  limits: PayloadLimits;
  /** The broker's name, where its transport declares `ordersKeys: false`. */
  unordered?: string | undefined;
  /** Whether the target is an outbox, for a relay to send from. */
  toOutbox?: boolean;
  tracing?: GuardedTracing | undefined;
}

/**
 * The sender's MQ-client. A message is published in the transaction that also writes the business's rows: they commit
 * together, or neither of them is there.
 */
export class OutboxPublisher {
  private readonly ids = InnerMsgIds.ofProcess();

  constructor(
    private readonly target: PublishTarget,
    private readonly options: OutboxPublisherOptions,
  ) {}

  /**
   * Publishes one message in the caller's transaction (two statements; one, where the broker has a database of its own).
   * Await it before the transaction ends. The payload may be changed again as soon as this was called.
   *
   * @throws InvalidOptionError when the topic or an option is wrong; nothing was written
   * @throws TransactionRequiredError when there is no transaction to join
   * @throws TransactionEndedError when that transaction is over
   * @throws InvalidPayloadError, InvalidBizIdError when the body can't be stored as it is; nothing was written
   * @throws CapabilityMissingError when an `orderingKey` is given, and the broker's transport does not order; nothing was written
   * @throws SchemaMissingError when the library's tables, or the topic's row, are gone; nothing was published
   */
  async publish<T extends AnyTopic>(
    topic: T,
    payload: PublishedBy<T>,
    options: PublishOptions = {},
  ): Promise<void> {
    await this.send('publish', topic, [payload], options);
  }

  /**
   * Publishes many messages of one topic, thousands in each statement: all of them or none. When it fails half-way, its
   * transaction can't commit any more (`PUBLISH_INCOMPLETE`), also where the error is swallowed.
   *
   * @throws what {@link publish} throws; the message of a body's error says which one it is
   */
  async publishAll<T extends AnyTopic>(
    topic: T,
    payloads: readonly PublishedBy<T>[],
    options: PublishAllOptions<PublishedBy<T>> = {},
  ): Promise<void> {
    if (!Array.isArray(payloads)) {
      throw new InvalidOptionError('publishAll(topic, payloads)', payloads, 'an array of payloads');
    }
    const { orderingKey } = options ?? {};
    const keyOf =
      typeof orderingKey === 'function' ? (payload: unknown) => orderingKey(payload as never) : undefined;
    await this.send('publishAll', topic, payloads, options as PublishOptions, keyOf);
  }

  /**
   * Takes back messages that were published with `delayMs` or `deliverAt` and whose time has not come, in the caller's
   * transaction, like {@link publish}. It takes the longer, the more the topic has scheduled.
   *
   * @returns how many there were: 0 when there is none, or it is too late
   * @throws InvalidOptionError, InvalidBizIdError when an argument is wrong; nothing was cancelled
   * @throws TransactionRequiredError when there is no transaction to join
   * @throws TransactionEndedError when that transaction is over
   */
  async cancel(topic: AnyTopic, bizId: string, options: JoinTransactionOptions = {}): Promise<number> {
    checkTopic('cancel(topic)', topic);
    checkPublishOptions('cancel', options);
    const id = encodeBizId(bizId, 'cancel(topic, bizId): the biz-id must be');
    return this.within('cancel', options, (runner) => this.target.cancel(runner, topic.name, id));
  }

  private async send(
    call: PublishCall,
    topic: AnyTopic,
    payloads: readonly unknown[],
    options: PublishOptions,
    keyOf?: (payload: unknown) => unknown,
  ): Promise<void> {
    checkTopic(`${call}(topic)`, topic);
    checkPublishOptions(call, options);
    this.checkOrder(call, options);
    const timing = timingOf(call, options);
    // Before anything is awaited: an un-awaited publish must see transaction and payload as they were when it was called.
    const encoded = this.encode(call, topic, payloads, options, keyOf);
    const span = this.spanOf(topic, encoded);
    if (!span) return void (await this.write(call, topic, encoded, options, timing));
    const headers = withContext(encoded[0]!.headers, span.context());
    const traced = encoded.map((message) => ({ ...message, headers }));
    await span.during(
      () => this.write(call, topic, traced, options, timing),
      ([first, ...others]) => (first && others.length === 0 ? { bizId: first.bizId.toString('utf8') } : {}),
    );
  }

  /** What is published of nothing has none. */
  private spanOf(topic: AnyTopic, encoded: readonly Encoded[]): GuardedSpan | undefined {
    const { tracing, toOutbox = false } = this.options;
    const { length: count } = encoded;
    if (!tracing || count === 0) return undefined;
    const innerMsgId = count === 1 ? encoded[0]!.innerMsgId.toString('hex') : undefined;
    return tracing.publish({ topic: topic.name, count, innerMsgId, toOutbox });
  }

  private async write(
    call: PublishCall,
    topic: AnyTopic,
    encoded: readonly Encoded[],
    options: PublishOptions,
    timing: Timing,
  ): Promise<readonly OutgoingMessage[]> {
    let messages: readonly OutgoingMessage[] = [];
    await this.within(
      call,
      options,
      (runner) =>
        messages.length > 0 ? this.target.put(runner, topic.name, messages, timing) : Promise.resolve(),
      async () => {
        messages = await identify(call, topic, encoded);
      },
    );
    return messages;
  }

  /** In the transaction that is given or found when this is called. */
  private async within<T>(
    call: PublishCall,
    options: JoinTransactionOptions,
    work: (runner: QueryRunner) => Promise<T>,
    prepare: () => Promise<void> = () => Promise.resolve(),
  ): Promise<T> {
    if (options.standalone) {
      this.checkStandalone(call);
      await prepare();
      // Said in a handler, it means outside of the handler's transaction.
      return outsideTransaction(() =>
        this.options.dataSource.transaction((manager) => work(manager.queryRunner!)),
      );
    }
    const runner = joinedRunner(options.manager, { ...this.options, call });
    await prepare();
    if (runner.isReleased || !runner.isTransactionActive) {
      throw new TransactionEndedError('it ended while the message was being prepared', {}, call);
    }
    try {
      return await work(runner);
    } catch (cause) {
      // Whoever watches the transaction doesn't know by which of the calls it was joined.
      if (cause instanceof TransactionEndedError) {
        throw new TransactionEndedError(cause.detail, { cause: cause.cause }, call);
      }
      const ended = runner.isReleased || errorCode(cause) === 'SQLITE_TRANSACTION_LOST';
      if (!ended) throw cause;
      throw new TransactionEndedError('it ended before the message was written', { cause }, call);
    }
  }

  private checkOrder(call: PublishCall, { orderingKey }: { orderingKey?: unknown }): void {
    const { unordered } = this.options;
    if (orderingKey === undefined || unordered === undefined) return;
    throw new CapabilityMissingError(
      `${call}({ orderingKey })`,
      'ordersKeys',
      unordered,
      'Leave it out, and let handlers bear any order; or take a broker that gives it.',
    );
  }

  private checkStandalone(call: PublishCall): void {
    const { dataSource } = this.options;
    if (!dataSource.isInitialized) {
      throw new TransactionEndedError('the DataSource is closed, as after app.close()', {}, call);
    }
    const scope = currentScope();
    if (scope?.dataSource === dataSource && dataSource.options.type === 'better-sqlite3') {
      throw new InvalidOptionError(
        `${call}({ standalone })`,
        true,
        `left out here: SQLite has one writer at a time, which is the transaction of ${scope.name}, and this would wait for it in vain`,
      );
    }
  }

  /** The body as published is stored, whatever the schema makes of it for handlers. */
  private encode(
    call: PublishCall,
    topic: AnyTopic,
    payloads: readonly unknown[],
    options: PublishOptions,
    keyOf?: (payload: unknown) => unknown,
  ): Encoded[] {
    const headers = encodeHeaders(options.headers);
    const ofAll =
      options.orderingKey === undefined || keyOf
        ? undefined
        : encodeOrderingKey(`${call}({ orderingKey })`, options.orderingKey);
    return Array.from(payloads, (payload, i) => {
      const body = encodePayload(topic.name, payload, this.options.limits, nameOf(call, i));
      const orderingKey = keyOf
        ? encodeOrderingKey(`${call}({ orderingKey }) of ${nameOf(call, i)}`, keyOf(payload))
        : ofAll;
      return { innerMsgId: this.ids.next(), body, headers, orderingKey };
    });
  }
}

type Encoded = Omit<OutgoingMessage, 'bizId'>;

/** By what was encoded: a getter of a class is no part of that, and the consumer would find no biz-id. */
async function identify(
  call: PublishCall,
  topic: AnyTopic,
  encoded: readonly Encoded[],
): Promise<OutgoingMessage[]> {
  const messages: OutgoingMessage[] = [];
  for (const [i, message] of encoded.entries()) {
    const what = nameOf(call, i);
    if (topic.schema) {
      await validatePayload(topic, decodePayload(message.body), what === 'payload' ? undefined : what);
    }
    messages.push({ ...message, bizId: bizIdOf(topic, decodePayload(message.body), what) });
  }
  return messages;
}

function nameOf(call: PublishCall, index: number): string {
  return call === 'publish' ? 'payload' : `payloads[${index}]`;
}
