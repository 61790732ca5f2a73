/** What users import as `nestjs-idempotent-mq/opentelemetry`. Needs the package @opentelemetry/api. */
export { openTelemetryTracing, type OpenTelemetryTracingOptions } from './tracing.js';
export { IdempotentMqMetricsModule, type OpenTelemetryMetricsOptions } from './metrics.module.js';
export type { MetricsOptions } from '../metrics/index.js';
