// #region traced
import { IdempotentMqModule } from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';

export const traced = IdempotentMqModule.forRoot({ tracing: openTelemetryTracing() });
// #endregion
