export { IdempotentMqMetricsModule, type OpenTelemetryMetricsOptions } from './metrics.module.js';
export type { MetricsOptions } from '../metrics/index.js';
