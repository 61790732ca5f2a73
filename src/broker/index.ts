export { BrokerService, type BrokerOptions } from './broker.service.js';
export type { AttemptError } from '../storage/index.js';
export type { DeadLetter, DeadLetterListOptions, DeadLetters } from './dead-letters.js';
export { idOf as deadLetterIdOf } from './dead-letter-selector.js';
export type { DeadLetterFilter, DeadLetterSelector } from './dead-letter-selector.js';
export type { GroupLimits } from './group-limits.js';
export type { GroupSelector, GroupStatus, Groups, TopicStatus } from './groups.js';
export type { RemovedSubscription, SubscribeRequest } from './subscriptions.js';
export { quarantineNumber } from './quarantine.js';
export type {
  QuarantineListOptions,
  QuarantineReason,
  QuarantinedMessage,
  Quarantine,
} from './quarantine.js';
