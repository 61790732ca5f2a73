export { IdempotentMqPrometheusModule, type PrometheusOptions } from './prometheus.module.js';
export type { MetricsOptions } from '../metrics/index.js';
