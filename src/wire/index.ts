export * from './codecs.js';
export * from './problems.js';
export * from './read-json.js';
export * from './schemas.js';
export * from './uuid.js';
export * from './operations.js';
