import {
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  type SpanOptions,
  type TextMapGetter,
  type TextMapPropagator,
  type Tracer,
  type TracerProvider,
  context,
  propagation,
  trace,
} from '@opentelemetry/api';
import { InvalidOptionError } from '../errors/index.js';
import type {
  HandledDelivery,
  HandledTogether,
  MessageSpan,
  MessageTracing,
  PublishedMessages,
  RelayedMessage,
} from '../tracing/index.js';
import {
  ATTEMPT,
  BATCH_COUNT,
  BIZ_ID,
  CONSUMER_GROUP,
  DESTINATION,
  MESSAGE_ID,
  OPERATION_NAME,
  OPERATION_TYPE,
  SENDS,
  SYSTEM,
} from './tracing-attributes.js';
import { OpenTelemetrySpan } from './tracing-span.js';

const FROM_MAP: TextMapGetter<ReadonlyMap<string, string>> = {
  get: (carrier, name) => carrier.get(name),
  keys: (carrier) => [...carrier.keys()],
};

const TOGETHER = {
  batch: { name: 'process', kind: SpanKind.CONSUMER },
  transaction: { name: 'transact', kind: SpanKind.INTERNAL },
};

export interface OpenTelemetryTracingOptions {
  /** Who makes the spans. @default the global one, also where it is registered later */
  tracerProvider?: TracerProvider;
  /** How a context is written into a message, and read from it. @default the global one: the SDK's is W3C's, with baggage */
  propagator?: TextMapPropagator;
}

/**
 * The option `tracing` of `IdempotentMqModule.forRoot`: spans of OpenTelemetry for publish, relay, deliver and process, all of
 * a message in the trace of its publish. docs/tracing.md has their names and attributes.
 *
 * @throws InvalidOptionError naming the option and what came
 */
export function openTelemetryTracing({
  tracerProvider = trace,
  propagator = propagation,
}: OpenTelemetryTracingOptions = {}): MessageTracing {
  if (typeof tracerProvider?.getTracer !== 'function') {
    const expected = 'a TracerProvider, or left out for the global one';
    throw new InvalidOptionError('openTelemetryTracing({ tracerProvider })', tracerProvider, expected);
  }
  if (typeof propagator?.inject !== 'function' || typeof propagator.extract !== 'function') {
    const expected = 'a TextMapPropagator, or left out for the global one';
    throw new InvalidOptionError('openTelemetryTracing({ propagator })', propagator, expected);
  }
  return new OpenTelemetryTracing(tracerProvider.getTracer('nestjs-idempotent-mq'), propagator);
}

class OpenTelemetryTracing implements MessageTracing {
  constructor(
    private readonly tracer: Tracer,
    private readonly propagator: TextMapPropagator,
  ) {}

  /** What goes into an outbox is created here, and sent by a relay. */
  publish({ topic, count, innerMsgId, toOutbox }: PublishedMessages): MessageSpan {
    const type = toOutbox ? 'create' : 'send';
    return this.begin({ name: 'publish', type, topic, kind: SpanKind.PRODUCER }, context.active(), {
      attributes: innerMsgId === undefined ? { [BATCH_COUNT]: count } : { [MESSAGE_ID]: innerMsgId },
    });
  }

  relay({ topic, bizId, innerMsgId, sends, context: carrier }: RelayedMessage): MessageSpan {
    return this.begin({ name: 'relay', type: 'send', topic, kind: SpanKind.CLIENT }, this.read(carrier), {
      attributes: { [MESSAGE_ID]: innerMsgId, [BIZ_ID]: bizId, [SENDS]: sends },
    });
  }

  /** The delivery's span is over when its attempt begins: it shows how long it has waited in this process. */
  handle({ topic, group, bizId, innerMsgId, attempt, claimedAt, ...delivery }: HandledDelivery): MessageSpan {
    const published = this.read(delivery.context);
    const attributes = {
      [CONSUMER_GROUP]: group,
      [MESSAGE_ID]: innerMsgId,
      [BIZ_ID]: bizId,
      [ATTEMPT]: attempt,
    };
    const delivered = this.begin(
      { name: 'deliver', type: 'receive', topic, kind: SpanKind.CLIENT },
      published,
      { attributes, startTime: claimedAt },
    );
    delivered.end();
    // Where its publisher does not trace, the two would be strangers.
    const parent = trace.getSpanContext(published) ? published : trace.setSpan(published, delivered.span);
    return this.begin({ name: 'process', type: 'process', topic, kind: SpanKind.CONSUMER }, parent, {
      attributes,
    });
  }

  /** In a trace of its own, as it belongs to several: linked with each of them, there and back. */
  handleTogether(
    { topic, group, count, manner }: HandledTogether,
    of: readonly OpenTelemetrySpan[],
  ): MessageSpan {
    const { name, kind } = TOGETHER[manner];
    const together = this.begin({ name, type: 'process', topic, kind }, ROOT_CONTEXT, {
      attributes: { [CONSUMER_GROUP]: group, [BATCH_COUNT]: count },
      links: of.map(({ span }) => ({ context: span.spanContext() })),
    });
    for (const { span } of of) span.addLink({ context: together.span.spanContext() });
    return together;
  }

  private read(carrier: ReadonlyMap<string, string>): Context {
    return this.propagator.extract(ROOT_CONTEXT, carrier, FROM_MAP);
  }

  private begin(
    { name, type, topic, kind }: Operation,
    parent: Context,
    { attributes, ...options }: SpanOptions,
  ): OpenTelemetrySpan {
    const all = {
      [SYSTEM]: 'idempotent_mq',
      [OPERATION_NAME]: name,
      [OPERATION_TYPE]: type,
      [DESTINATION]: topic,
      ...attributes,
    };
    const span = this.tracer.startSpan(`${name} ${topic}`, { ...options, kind, attributes: all }, parent);
    return new OpenTelemetrySpan(span, trace.setSpan(parent, span), this.propagator);
  }
}

interface Operation {
  name: string;
  type: 'create' | 'send' | 'receive' | 'process';
  topic: string;
  kind: SpanKind;
}
