/** What users import as `nestjs-idempotent-mq/opentelemetry`. Needs the package @opentelemetry/api. */
export { openTelemetryTracing, type OpenTelemetryTracingOptions } from './tracing.js';
