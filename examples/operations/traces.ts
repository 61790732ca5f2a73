import { Controller, Get, Header, Inject, Param, UseGuards } from '@nestjs/common';
import type { NodeTracerProvider, ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import { OperatorsGuard } from '../dashboard/operators.guard.js';

const KEPT = 5_000;

/** In the place of a collector: the latest spans, in memory. */
export class LatestSpans implements SpanExporter {
  spans: ReadableSpan[] = [];

  export(spans: ReadableSpan[], done: (result: { code: number }) => void): void {
    this.spans = [...this.spans, ...spans].slice(-KEPT);
    done({ code: 0 });
  }

  async shutdown(): Promise<void> {}
}

export interface Tracing {
  provider: NodeTracerProvider;
  latest: LatestSpans;
}
export const TRACING = Symbol('TRACING');

@Controller('traces')
@UseGuards(OperatorsGuard)
export class TracesController {
  constructor(@Inject(TRACING) private readonly tracing: Tracing) {}

  /** All that became of a payment, each step below the one that it came of. */
  @Get(':bizId')
  @Header('content-type', 'text/plain; charset=utf-8')
  async tracesOf(@Param('bizId') bizId: string): Promise<string> {
    await this.tracing.provider.forceFlush();
    const { spans } = this.tracing.latest;
    const roots = spans.filter(
      ({ attributes, parentSpanContext }) =>
        !parentSpanContext && attributes['idempotent_mq.biz_id'] === bizId,
    );
    return roots.map((root) => linesOf(root, spans).join('\n')).join('\n\n');
  }
}

function linesOf(span: ReadableSpan, spans: readonly ReadableSpan[], indent = ''): string[] {
  const { attributes } = span;
  const told = ['messaging.consumer.group.name', 'idempotent_mq.attempt', 'idempotent_mq.outcome'];
  const words = told.flatMap((key) => (attributes[key] === undefined ? [] : [String(attributes[key])]));
  const children = spans.filter(
    ({ parentSpanContext }) => parentSpanContext?.spanId === span.spanContext().spanId,
  );
  return [
    `${indent}${[span.name, ...words].join(', ')}`,
    ...children.flatMap((child) => linesOf(child, spans, `${indent}  `)),
  ];
}
