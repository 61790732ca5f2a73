export { BrokerService, type BrokerOptions } from './broker.service.js';
export type { AttemptError, DeadLetter, DeadLetters } from './dead-letters.js';
