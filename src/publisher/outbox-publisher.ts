import type { DataSource, EntityManager } from 'typeorm';
import { InvalidOptionError, TransactionEndedError, errorCode } from '../errors/index.js';
import { currentScope, outsideTransaction } from '../transaction/index.js';
import type { Transport, OutgoingMessage } from '../transport/port.js';
import {
  type HeadersInput,
  type PayloadLimits,
  type PublishedBy,
  type AnyTopic,
  bizIdOf,
  encodeHeaders,
  encodePayload,
  validatePayload,
} from '../topic/index.js';
import { InnerMsgIds } from './inner-msg-id.js';
import { type JoinOptions, joinedRunner } from './joined-transaction.js';

export interface PublishOptions {
  /** The manager of the transaction to join: the one that `dataSource.transaction(async (manager) => …)` passes. */
  manager?: EntityManager;
  /** Says that no transaction is meant: the message is published in one of its own. */
  standalone?: boolean;
  /** Strings that travel beside the payload, 16 KiB at most. */
  headers?: HeadersInput;
}

const PUBLISH_OPTIONS = new Set(['manager', 'standalone', 'headers']);

export interface OutboxPublisherOptions extends JoinOptions {
  dataSource: DataSource;
  limits: PayloadLimits;
}

/**
 * The sender's MQ-client. A message is published in the transaction that also writes the business's rows: they commit
 * together, or neither of them is there.
 */
export class OutboxPublisher {
  private readonly ids = InnerMsgIds.ofProcess();

  constructor(
    private readonly transport: Transport,
    private readonly options: OutboxPublisherOptions,
  ) {}

  /**
   * Publishes one message in the caller's transaction (two statements). Await it before the transaction ends.
   *
   * @throws TransactionRequiredError when there is no transaction to join
   * @throws TransactionEndedError when that transaction is over
   * @throws InvalidPayloadError, InvalidBizIdError when the body can't be stored as it is; nothing was written
   */
  async publish<T extends AnyTopic>(
    topic: T,
    payload: PublishedBy<T>,
    options: PublishOptions = {},
  ): Promise<void> {
    await this.publishAll(topic, [payload], options);
  }

  /** Publishes many messages of one topic, thousands in each statement. All or none of them, like {@link publish}. */
  async publishAll<T extends AnyTopic>(
    topic: T,
    payloads: readonly PublishedBy<T>[],
    options: PublishOptions = {},
  ): Promise<void> {
    checkTopic(topic);
    checkOptions(options);
    if (!Array.isArray(payloads)) {
      throw new InvalidOptionError('publishAll(topic, payloads)', payloads, 'an array of payloads');
    }
    if (options.standalone) return this.publishStandalone(topic, payloads, options);
    // Before anything is awaited: an un-awaited publish must see the transaction as it was when it was called.
    const runner = joinedRunner(options.manager, this.options);
    const messages = await this.messages(topic, payloads, options);
    if (messages.length === 0) return;
    if (runner.isReleased || !runner.isTransactionActive) {
      throw new TransactionEndedError('it ended while the message was being prepared');
    }
    try {
      await this.transport.colocated.land(runner, topic.name, messages);
    } catch (cause) {
      const ended = runner.isReleased || errorCode(cause) === 'SQLITE_TRANSACTION_LOST';
      throw ended ? new TransactionEndedError('it ended before the message was written', { cause }) : cause;
    }
  }

  private async publishStandalone<T extends AnyTopic>(
    topic: T,
    payloads: readonly PublishedBy<T>[],
    { headers }: PublishOptions,
  ): Promise<void> {
    const { dataSource } = this.options;
    const scope = currentScope();
    if (scope?.dataSource === dataSource && dataSource.options.type === 'better-sqlite3') {
      throw new InvalidOptionError(
        'publish({ standalone })',
        true,
        `left out here: SQLite has one writer at a time, which is the transaction of ${scope.name}, and this would wait for it in vain`,
      );
    }
    // Said in a handler, it means outside of the handler's transaction.
    await outsideTransaction(() =>
      dataSource.transaction((manager) =>
        this.publishAll(topic, payloads, { manager, ...(headers && { headers }) }),
      ),
    );
  }

  private async messages<T extends AnyTopic>(
    topic: T,
    payloads: readonly PublishedBy<T>[],
    options: PublishOptions,
  ): Promise<OutgoingMessage[]> {
    const headers = encodeHeaders(options.headers);
    const messages: OutgoingMessage[] = [];
    for (const payload of payloads) {
      await validatePayload(topic, payload);
      // The body as published is stored and identified, whatever the schema makes of it for handlers.
      const body = encodePayload(topic.name, payload, this.options.limits);
      messages.push({ innerMsgId: this.ids.next(), bizId: bizIdOf(topic, payload), body, headers });
    }
    return messages;
  }
}

function checkTopic(topic: AnyTopic): void {
  if (typeof topic?.name !== 'string' || typeof topic.bizId !== 'function') {
    throw new InvalidOptionError('publish(topic)', topic, 'a topic made by defineTopic()');
  }
}

function checkOptions(options: PublishOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(
      'publish(topic, payload, options)',
      options,
      'an object such as { manager }',
    );
  }
  const unknown = Object.keys(options).find((key) => !PUBLISH_OPTIONS.has(key));
  if (unknown) {
    throw new InvalidOptionError(
      `publish({ ${unknown} })`,
      unknown,
      `one of ${[...PUBLISH_OPTIONS].join(', ')}`,
    );
  }
  if (options.standalone !== undefined && typeof options.standalone !== 'boolean') {
    throw new InvalidOptionError('publish({ standalone })', options.standalone, 'a boolean');
  }
  if (options.standalone && options.manager) {
    throw new InvalidOptionError('publish({ standalone })', true, 'left out where a manager is given');
  }
}
