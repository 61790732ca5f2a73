export * from './all-checks.js';
export * from './audit.js';
export * from './check.js';
export * from './finding.js';
export * from './report.js';
export type { EffectTable } from './check-effects.js';
