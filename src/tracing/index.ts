export type * from './port.js';
export * from './guarded-span.js';
export * from './guarded-tracing.js';
