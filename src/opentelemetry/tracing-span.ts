import {
  type Context,
  type Span,
  SpanStatusCode,
  type TextMapPropagator,
  type TextMapSetter,
  context,
} from '@opentelemetry/api';
import { describeError, describeErrorAtLength, errorCode } from '../errors/index.js';
import type { MessageSpan, SpanFacts } from '../tracing/index.js';
import { BIZ_ID, DEAD_LETTER_REASON, ERROR_TYPE, OUTCOME } from './tracing-attributes.js';

const INTO_MAP: TextMapSetter<Map<string, string>> = {
  set: (carrier, name, value) => void carrier.set(name, value),
};

/** A span of OpenTelemetry's, and the context that it makes. */
export class OpenTelemetrySpan implements MessageSpan {
  constructor(
    readonly span: Span,
    private readonly within: Context,
    private readonly propagator: TextMapPropagator,
  ) {}

  context(): Iterable<readonly [string, string]> {
    const carrier = new Map<string, string>();
    this.propagator.inject(this.within, carrier, INTO_MAP);
    return carrier;
  }

  run<T>(work: () => T): T {
    return context.with(this.within, work);
  }

  note({ bizId, outcome, reason }: SpanFacts): void {
    if (bizId !== undefined) this.span.setAttribute(BIZ_ID, bizId);
    if (outcome !== undefined) this.span.setAttribute(OUTCOME, outcome);
    if (reason !== undefined) this.span.setAttribute(DEAD_LETTER_REASON, reason);
  }

  end(error?: unknown): void {
    if (error !== undefined) this.fail(error);
    this.span.end();
  }

  private fail(error: unknown): void {
    const message = describeError(error);
    const type = errorCode(error) ?? (error instanceof Error ? error.name : '_OTHER');
    this.span.setAttribute(ERROR_TYPE, type);
    this.span.recordException({ name: type, message, stack: describeErrorAtLength(error) });
    this.span.setStatus({ code: SpanStatusCode.ERROR, message });
  }
}
