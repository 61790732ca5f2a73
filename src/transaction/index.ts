export * from './ambient-scope.js';
export * from './dedup-mark.js';
export * from './guarded-runner.js';
export * from './guarded-scope.js';
export * from './outer-datasource.js';
export * from './clean-context.js';
export * from './commit-bell.js';
export * from './publishing-transactions.js';
