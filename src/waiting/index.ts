export * from './backoff.js';
export * from './wake-up.js';
export * from './claim-cursor.js';
