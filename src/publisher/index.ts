export * from './inner-msg-id.js';
export * from './outbox-publisher.js';
export * from './publisher.tokens.js';
