// #region opentelemetry
import { IdempotentMqMetricsModule } from '../../src/opentelemetry/index.js';

export const measured = IdempotentMqMetricsModule.forRoot(); // into the imports of a module
// #endregion
