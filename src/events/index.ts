export * from './event.js';
export * from './event-channels.js';
export * from './idempotent-mq-events.js';
