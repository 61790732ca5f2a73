export * from './topic.js';
export * from './check-topic.js';
export * from './define-topic.js';
export * from './standard-schema.js';
export * from './biz-id.js';
export * from './payload.codec.js';
export * from './headers.codec.js';
export * from './validate-payload.js';
