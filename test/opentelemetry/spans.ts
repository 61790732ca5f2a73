import { type IncomingMessage, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpanKind, SpanStatusCode, context, propagation, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  type NodeTracerProvider,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node';
import { startTracing } from '../../examples/tracing/start-tracing.js';
import { until } from '../support/until.js';

/** All spans that end in this process, by an SDK as an app has it. */
export class Spans {
  private readonly exporter = new InMemorySpanExporter();
  private readonly provider: NodeTracerProvider;

  constructor() {
    this.provider = startTracing(this.exporter);
  }

  /** Those of this name, once there are `count` of them, in the order in which they began. */
  async named(name: string, count = 1): Promise<ReadableSpan[]> {
    const those = () => this.exporter.getFinishedSpans().filter((span) => span.name === name);
    await until(`there are ${count} spans ${name}`, async () => {
      await this.provider.forceFlush();
      return those().length >= count;
    });
    return those().sort(byStart);
  }

  get all(): ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  /** The names of a span and of what hangs on it, each level two spaces further in. */
  story(root: ReadableSpan): string[] {
    const { spanId } = root.spanContext();
    const below = this.all
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === spanId)
      .sort(byStart);
    return [root.name, ...below.flatMap((span) => this.story(span).map((line) => `  ${line}`))];
  }

  reset(): void {
    this.exporter.reset();
  }

  async stop(): Promise<void> {
    await this.provider.shutdown();
    trace.disable();
    context.disable();
    propagation.disable();
  }
}

/** A request that comes by HTTP, in a span of its own as an instrumentation makes it. */
export async function inRequest(
  name: string,
  work: (request: IncomingMessage) => Promise<void>,
): Promise<void> {
  const tracer = trace.getTracer('http');
  const server = createServer((request, response) => {
    void tracer.startActiveSpan(name, { kind: SpanKind.SERVER }, async (span) => {
      try {
        await work(request);
        response.end();
      } catch (error) {
        response.writeHead(500).end(String(error));
      } finally {
        span.end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' });
    if (!answer.ok) throw new Error(await answer.text());
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

export const traceOf = (span: ReadableSpan) => span.spanContext().traceId;
export const idOf = (span: ReadableSpan) => span.spanContext().spanId;
export const linkedWith = (span: ReadableSpan) => span.links.map(({ context: to }) => to.spanId).sort();
export const hasFailed = ({ status }: ReadableSpan) => status.code === SpanStatusCode.ERROR;

/** In the way of a message: spans begin at whole milliseconds. */
const ORDER = ['publish', 'relay', 'deliver', 'process'];

function byStart(a: ReadableSpan, b: ReadableSpan): number {
  const rank = ({ name }: ReadableSpan) => ORDER.indexOf(name.split(' ')[0]!);
  return a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1] || rank(a) - rank(b);
}
