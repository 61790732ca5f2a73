export * from './idempotent-mq-events.js';
