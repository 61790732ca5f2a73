import { Injectable, type Type } from '@nestjs/common';
import { SpanKind, type TextMapPropagator, TraceFlags, trace } from '@opentelemetry/api';
import {
  type DeliveryContext,
  IdempotentConsumer,
  type IdempotentMqOptions,
  RejectMessageError,
  RetryLaterError,
} from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { Spans, hasFailed, idOf, traceOf } from './spans.js';

// Property: the spans of a message follow OpenTelemetry's conventions for messaging, and say of each attempt what came of it.

@Injectable()
class Cards {
  static deed: (paid: Payment, delivery: DeliveryContext) => void;

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  issue(paid: Payment, delivery: DeliveryContext): void {
    Cards.deed(paid, delivery);
  }
}

describe('the spans of a message', () => {
  let spans: Spans;
  let database: TestDatabase;
  let broker: TestDatabase;
  let app: TestApp | undefined;

  beforeEach(async () => {
    Cards.deed = () => undefined;
    spans = new Spans();
    database = await createDatabase('sqlite');
    broker = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await app?.close();
    await database.drop();
    await broker.drop();
    await spans.stop();
  });

  const start = async (options: IdempotentMqOptions = {}, providers: Type[] = [Cards]) =>
    (app = await startApp(database, { providers, options: { tracing: openTelemetryTracing(), ...options } }));
  const apart = (): IdempotentMqOptions => ({ broker: { dataSource: broker.options } });
  const publish = (...ids: string[]) =>
    app!.outbox.publishAll(
      PaymentSucceeded,
      ids.map((id) => payment(id)),
      { standalone: true },
    );
  const processed = (count = 1) => spans.named('process payment.succeeded', count);

  it('name system, operation, topic, group and ids', async () => {
    await start(apart());
    await app!.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    const [process] = await processed();
    const [deliver] = await spans.named('deliver payment.succeeded');
    const [relay] = await spans.named('relay payment.succeeded');
    const [created] = await spans.named('publish payment.succeeded');
    const id = created!.attributes['messaging.message.id'];
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    const all = {
      'messaging.system': 'idempotent_mq',
      'messaging.destination.name': 'payment.succeeded',
      'messaging.message.id': id,
      'idempotent_mq.biz_id': 'P-1',
    };
    const operation = (name: string, type: string) => ({
      'messaging.operation.name': name,
      'messaging.operation.type': type,
    });
    const received = { 'messaging.consumer.group.name': 'card-issuing', 'idempotent_mq.attempt': 1 };
    expect(created).toMatchObject({ kind: SpanKind.PRODUCER });
    expect(created!.attributes).toEqual({ ...all, ...operation('publish', 'create') });
    expect(relay).toMatchObject({ kind: SpanKind.CLIENT });
    expect(relay!.attributes).toEqual({
      ...all,
      ...operation('relay', 'send'),
      'idempotent_mq.sends': 1,
      'idempotent_mq.outcome': 'landed',
    });
    expect(deliver).toMatchObject({ kind: SpanKind.CLIENT });
    expect(deliver!.attributes).toEqual({ ...all, ...operation('deliver', 'receive'), ...received });
    expect(process).toMatchObject({ kind: SpanKind.CONSUMER });
    expect(process!.attributes).toEqual({
      ...all,
      ...operation('process', 'process'),
      ...received,
      'idempotent_mq.outcome': 'acknowledged',
    });
  });

  it('are one for all messages of a publishAll, which all hang on it', async () => {
    await start();
    await publish('P-1', 'P-2', 'P-3');
    const those = await processed(3);
    const [published] = await spans.named('publish payment.succeeded');
    expect(published!.attributes).toMatchObject({
      'messaging.batch.message_count': 3,
      'messaging.operation.type': 'send',
    });
    expect(published!.attributes).not.toHaveProperty(['messaging.message.id']);
    expect(those.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      those.map(() => idOf(published!)),
    );
  });

  it('tell of a publish that was refused', async () => {
    await start();
    await expect(publish('')).rejects.toThrow('bizId() must return');
    const [published] = await spans.named('publish payment.succeeded');
    expect(hasFailed(published!)).toBe(true);
    expect(published!.attributes['error.type']).toBe('BIZ_ID_INVALID');
  });

  it('are anew for each attempt, in the same trace, with the error of the one that failed', async () => {
    Cards.deed = (_, { attempt }) => {
      if (attempt === 1) throw new TypeError('no card stock');
    };
    await start();
    await publish('P-1');
    const [first, second] = await processed(2);
    expect(first!.attributes).toMatchObject({
      'idempotent_mq.attempt': 1,
      'idempotent_mq.outcome': 'retry-scheduled',
      'error.type': 'TypeError',
    });
    expect(hasFailed(first!)).toBe(true);
    expect(first!.events).toMatchObject([
      { name: 'exception', attributes: { 'exception.message': 'TypeError: no card stock' } },
    ]);
    expect(second!.attributes).toMatchObject({
      'idempotent_mq.attempt': 2,
      'idempotent_mq.outcome': 'acknowledged',
    });
    expect(hasFailed(second!)).toBe(false);
    expect(traceOf(second!)).toBe(traceOf(first!));
  });

  it('say that a message is in the dead letters, and why', async () => {
    Cards.deed = () => {
      throw new RejectMessageError('no such user');
    };
    await start();
    await publish('P-1');
    const [process] = await processed();
    expect(process!.attributes).toMatchObject({
      'idempotent_mq.outcome': 'dead-lettered',
      'idempotent_mq.dead_letter.reason': 'rejected',
      'error.type': 'REJECTED',
    });
  });

  it('say that a duplicate was absorbed, in the trace of the publish that made it', async () => {
    await start();
    await publish('P-1');
    await app!.events('acknowledged');
    await publish('P-1');
    const [effect, duplicate] = await processed(2);
    expect(duplicate!.attributes['idempotent_mq.outcome']).toBe('duplicate-absorbed');
    expect(hasFailed(duplicate!)).toBe(false);
    const [, second] = await spans.named('publish payment.succeeded', 2);
    expect(traceOf(duplicate!)).toBe(traceOf(second!));
    expect(traceOf(duplicate!)).not.toBe(traceOf(effect!));
  });

  it('call it no failure to be asked for later', async () => {
    let isReady = false;
    Cards.deed = () => {
      if (isReady) return;
      isReady = true;
      throw new RetryLaterError({ delayMs: 1 });
    };
    await start();
    await publish('P-1');
    const [first] = await processed(2);
    expect(first!.attributes['idempotent_mq.outcome']).toBe('retry-scheduled');
    expect(hasFailed(first!)).toBe(false);
  });

  it('show how long a delivery has waited in its process', async () => {
    const claimedAt = new Date(Date.now() - 60_000);
    const [topic, group, bizId] = [PaymentSucceeded.name, 'card-issuing', 'P-1'];
    const delivery = { topic, group, bizId, innerMsgId: '0'.repeat(32), attempt: 1, context: new Map() };
    openTelemetryTracing()
      .handle({ ...delivery, claimedAt })
      .end();
    const [deliver] = await spans.named('deliver payment.succeeded');
    const [process] = await processed();
    const msOf = ([seconds, nanoseconds]: [number, number]) => seconds * 1_000 + nanoseconds / 1_000_000;
    expect(msOf(deliver!.startTime)).toBe(claimedAt.getTime());
    expect(msOf(process!.startTime) - msOf(deliver!.startTime)).toBeGreaterThan(59_000);
  });

  it('are those that what a handler begins hangs on, whatever it awaits', async () => {
    const seen: (string | undefined)[] = [];
    Cards.deed = () => {
      seen.push(trace.getActiveSpan()?.spanContext().spanId);
    };
    await start();
    await publish('P-1');
    const [process] = await processed();
    expect(seen).toEqual([idOf(process!)]);
  });

  it('tell of each time that a relay sends, and why no ACK came', async () => {
    let sends = 0;
    await start({
      broker: {
        dataSource: broker.options,
        through: (nearest) => ({
          ...nearest,
          send: async (shipment) => {
            const answers = await nearest.send(shipment);
            if (++sends === 1) throw new Error('the ACK was lost');
            return answers;
          },
        }),
      },
    });
    await publish('P-1');
    const [first, second] = await spans.named('relay payment.succeeded', 2);
    expect(first!.attributes).toMatchObject({
      'idempotent_mq.sends': 1,
      'idempotent_mq.outcome': 'ack-missed',
    });
    expect(hasFailed(first!)).toBe(true);
    expect(second!.attributes).toMatchObject({
      'idempotent_mq.sends': 2,
      'idempotent_mq.outcome': 'duplicate',
    });
    expect(hasFailed(second!)).toBe(false);
    expect(traceOf(first!)).toBe(traceOf(second!));
    await app!.events('acknowledged');
  });

  it('are connected with one another where the publisher does not trace', async () => {
    await start({ tracing: undefined }, []);
    await app!.broker.subscribe({ topic: PaymentSucceeded.name, group: 'card-issuing', version: 1 });
    await publish('P-1');
    await app!.close();
    await start();
    const [process] = await processed();
    const [deliver] = await spans.named('deliver payment.succeeded');
    expect(process!.parentSpanContext?.spanId).toBe(idOf(deliver!));
  });

  it('are those of an SDK that is registered after the option was made', async () => {
    await spans.stop();
    const tracing = openTelemetryTracing();
    spans = new Spans();
    await start({ tracing });
    await publish('P-1');
    expect(await processed()).toHaveLength(1);
  });

  it('are one trace by whatever propagator there is', async () => {
    const propagator: TextMapPropagator = {
      fields: () => ['x-span'],
      inject: (from, carrier, setter) => {
        const { traceId, spanId } = trace.getSpanContext(from)!;
        setter.set(carrier, 'x-span', `${traceId} ${spanId}`);
      },
      extract: (to, carrier, getter) => {
        const [traceId, spanId] = String(getter.get(carrier, 'x-span')).split(' ') as [string, string];
        return trace.setSpanContext(to, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
      },
    };
    await start({ tracing: openTelemetryTracing({ propagator }) });
    await publish('P-1');
    const [process] = await processed();
    const [published] = await spans.named('publish payment.succeeded');
    expect(process!.parentSpanContext?.spanId).toBe(idOf(published!));
  });

  it('are not made, and no message has a context, where there is no SDK', async () => {
    await spans.stop();
    await start({}, []);
    await publish('P-1');
    const [{ headers }] = await app!.dataSource.query<[{ headers: unknown }]>(
      'SELECT headers FROM mq_message',
    );
    expect(headers).toBeNull();
    spans = new Spans();
  });
});

describe('openTelemetryTracing', () => {
  it.each([
    ['tracerProvider', {}],
    ['tracerProvider', null],
    ['propagator', 'w3c'],
  ])('refuses a %s that is none', (option, value) => {
    expect(() => openTelemetryTracing({ [option]: value })).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', option: `openTelemetryTracing({ ${option} })` }),
    );
  });
});
