export { IdempotentMqHealthModule } from './health.module.js';
export { IdempotentMqHealthIndicator } from './health-indicator.js';
export type { HealthOptions, HealthThresholds } from './thresholds.js';
