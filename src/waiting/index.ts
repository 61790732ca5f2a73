export * from './backoff.js';
export * from './wake-up.js';
export * from './claim-cursor.js';
export * from './poll-pace.js';
export * from './loops.js';
