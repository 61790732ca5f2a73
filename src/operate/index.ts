export type { Count } from './count.js';
export type { FindOptions } from './find-stories.js';
export { IdempotentMqOperations } from './operations.js';
export type { OperationsDeps } from './operations-deps.js';
export type {
  BrokerStatus,
  OutboxStatus,
  ProcessStatus,
  ScenarioStatus,
  Status,
  SubscriptionStatus,
  TopicParked,
  WaitingOnes,
} from './status.js';
export type {
  Acknowledged,
  Dead,
  Done,
  Findings,
  InFlight,
  InOutbox,
  Landed,
  MessageStory,
  Parked,
  Quarantined,
  Ready,
  Retrying,
  Scheduled,
  Stage,
  Torn,
} from './story.js';
