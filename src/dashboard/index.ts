export { IdempotentMqDashboardModule } from './dashboard.module.js';
export type { IdempotentMqDashboardExtras, IdempotentMqDashboardOptions } from './dashboard.options.js';
export type { Redact, RedactSubject } from './redact.js';
