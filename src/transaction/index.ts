export * from './ambient-scope.js';
export * from './guarded-scope.js';
export * from './outer-datasource.js';
