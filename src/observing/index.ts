export * from './observed.js';
export * from './status-reader.js';
