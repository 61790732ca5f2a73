export * from './idempotent-mq.error.js';
export * from './options.errors.js';
export * from './publishing.errors.js';
export * from './consuming.errors.js';
export * from './transaction.errors.js';
export * from './describe-error.js';
export * from './printable.js';
