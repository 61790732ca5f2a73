import { InvalidOptionError } from '../errors/index.js';
import type { MessageTracing } from '../tracing/index.js';

const METHODS = ['publish', 'relay', 'handle', 'handleTogether'] as const;

/** @throws InvalidOptionError */
export function tracingOption(value: MessageTracing | undefined): MessageTracing | undefined {
  if (value === undefined) return undefined;
  const given = value as Partial<MessageTracing> | null;
  if (METHODS.every((method) => typeof given?.[method] === 'function')) return value;
  throw new InvalidOptionError(
    'tracing',
    value,
    'what openTelemetryTracing() of nestjs-idempotent-mq/opentelemetry returns, or left out',
  );
}
