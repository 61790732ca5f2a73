/** What users import. */
export { IdempotentMqModule, type IdempotentMqExtras } from './idempotent-mq.module.js';
export type { IdempotentMqOptions } from './idempotent-mq.options.js';
export {
  getBrokerServiceToken,
  getIdempotentExecutorToken,
  getIdempotentMqEventsToken,
} from './idempotent-mq.tokens.js';
export {
  defineTopic,
  type AnyTopic,
  type HeadersInput,
  type PayloadOf,
  type PublishedBy,
  type StandardSchemaV1,
  type Topic,
  type TopicDefinition,
} from './topic/index.js';
export {
  InjectOutboxPublisher,
  OutboxPublisher,
  getOutboxPublisherToken,
  type JoinTransactionOptions,
  type PublishOptions,
  type TimingOptions,
} from './publisher/index.js';
export {
  BrokerService,
  type AttemptError,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterListOptions,
  type DeadLetterSelector,
  type DeadLetters,
  type GroupSelector,
  type GroupStatus,
  type Groups,
  type Quarantine,
  type QuarantineListOptions,
  type QuarantineReason,
  type QuarantinedMessage,
  type RemovedSubscription,
  type SubscribeRequest,
  type TopicStatus,
} from './broker/index.js';
export {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  IdempotentExecutor,
  type Acked,
  type AtLeastOnceConsumerOptions,
  type ConsumerDefaults,
  type IdempotentConsumerOptions,
  type IdempotentKey,
  type IdempotentResult,
  type IdempotentRunOptions,
  type IdempotentWork,
  type IdempotentWorkContext,
  type RetryOptions,
} from './consumer/index.js';
export type * from './transport/port.js';
export { ambientManager, outsideTransaction } from './transaction/index.js';
export { IdempotentMqEvents, type DeadLetterReason, type IdempotentMqEvent } from './events/index.js';
export {
  DedupEntity,
  DeadLetterEntity,
  DeliveryEntity,
  MessageEntity,
  ParkedEntity,
  ScenarioEntity,
  SqliteConnectionClosedError,
  SqliteTransactionLostError,
  SqliteWriteTimeoutError,
  SubscriptionEntity,
  TopicEntity,
  WaitingEntity,
  idempotentMqEntities,
  idempotentMqMigrations,
  migrate,
} from './storage/index.js';
export * from './errors/index.js';
