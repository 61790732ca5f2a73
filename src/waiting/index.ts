export * from './backoff.js';
export * from './wake-up.js';
