// #region start-tracing
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  NodeTracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';

/** Spans go to the console; with an exporter for OTLP, to a collector. */
export function startTracing(exporter: SpanExporter = new ConsoleSpanExporter()): NodeTracerProvider {
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
  provider.register();
  return provider;
}
// #endregion
