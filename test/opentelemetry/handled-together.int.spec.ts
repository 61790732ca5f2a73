import { Injectable } from '@nestjs/common';
import { SpanKind, trace } from '@opentelemetry/api';
import {
  AtLeastOnceBatch,
  AtLeastOnceConsumer,
  BatchContext,
  type DeliveryContext,
  IdempotentConsumer,
  OutboxPublisher,
  defineTopic,
} from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { Spans, hasFailed, idOf, inRequest, linkedWith, traceOf } from './spans.js';

// Property: messages that are handled together stay each in the trace of its publish, and the span of what they have in common
// is linked with all of them, there and back.

const PointsCredited = defineTopic<{ of: string }>({ name: 'points.credited', bizId: ({ of }) => of });

const IDS = ['P-1', 'P-2', 'P-3'];
let active: (string | undefined)[];

const noteActive = () => active.push(trace.getActiveSpan()?.spanContext().spanId);

@Injectable()
class Points {
  static failsWith: string | undefined;

  constructor(private readonly outbox: OutboxPublisher) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'points', batch: { max: 3, waitMs: 20_000 } })
  async credit(paid: Payment[], { manager, deliveries }: BatchContext<Payment>): Promise<void> {
    noteActive();
    deliveries.find(({ bizId }) => bizId === Points.failsWith)?.reject('worth nothing');
    await this.outbox.publish(
      PointsCredited,
      { of: paid.map(({ paymentId }) => paymentId).join() },
      { manager },
    );
  }
}

@Injectable()
class Sms {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms', batch: { max: 3, waitMs: 20_000 } })
  text(_paid: Payment[], batch: AtLeastOnceBatch<Payment>) {
    noteActive();
    return batch.ack();
  }
}

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', perTransaction: 10, concurrency: 1 })
  issue(_paid: Payment, _delivery: DeliveryContext): void {
    noteActive();
  }
}

describe('messages that are handled together', () => {
  let spans: Spans;
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    active = [];
    Points.failsWith = undefined;
    spans = new Spans();
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
    await spans.stop();
  });

  const start = async (provider: new (...args: never[]) => object) =>
    (app = await startApp(database, { providers: [provider], options: { tracing: openTelemetryTracing() } }));
  const publish = (id: string) => app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
  /** Each in a request, and a trace, of its own. */
  const request = async (...ids: string[]) => {
    for (const id of ids) await inRequest(`POST /payments/${id}`, () => publish(id));
  };
  /** Of the attempts of single messages, and of what several had in common. */
  const processed = async (count: number) => {
    const all = await spans.named('process payment.succeeded', count);
    const isCommon = (span: (typeof all)[number]) => 'messaging.batch.message_count' in span.attributes;
    return { each: all.filter((span) => !isCommon(span)), common: all.filter(isCommon) };
  };

  it('have one span in the handler of a batch, linked with the span of each', async () => {
    await start(Points);
    await request(...IDS);
    await app.events('acknowledged', IDS.length);
    const { each, common } = await processed(IDS.length + 1);
    const [batch] = common;
    expect(common).toHaveLength(1);
    expect(batch).toMatchObject({ kind: SpanKind.CONSUMER });
    expect(batch!.attributes).toMatchObject({
      'messaging.batch.message_count': 3,
      'messaging.consumer.group.name': 'points',
      'idempotent_mq.outcome': 'acknowledged',
    });
    expect(active).toEqual([idOf(batch!)]);
    expect(linkedWith(batch!)).toEqual(each.map(idOf).sort());
    expect(each.map(linkedWith)).toEqual(each.map(() => [idOf(batch!)]));
    expect(new Set(each.map(traceOf)).size).toBe(IDS.length);
    const [credited] = await spans.named('publish points.credited');
    expect(credited!.parentSpanContext?.spanId).toBe(idOf(batch!));
  });

  it('have one in that of an at-least-once consumer too', async () => {
    await start(Sms);
    await request(...IDS);
    await app.events('acknowledged', IDS.length);
    const { each, common } = await processed(IDS.length + 1);
    expect(active).toEqual(common.map(idOf));
    expect(linkedWith(common[0]!)).toEqual(each.map(idOf).sort());
  });

  it('have another one when the batch is run again, without the one that the handler rejects', async () => {
    Points.failsWith = 'P-2';
    await start(Points);
    await request(...IDS);
    await app.events('acknowledged', IDS.length - 1);
    await app.events('dead-lettered');
    const { each, common } = await processed(IDS.length + 2);
    expect(common.map(({ attributes }) => attributes['idempotent_mq.outcome'])).toEqual([
      'incomplete',
      'acknowledged',
    ]);
    expect(common.map(({ links }) => links.length)).toEqual([3, 2]);
    const rejected = each.find(({ attributes }) => attributes['idempotent_mq.biz_id'] === 'P-2');
    expect(rejected!.attributes).toMatchObject({
      'idempotent_mq.outcome': 'dead-lettered',
      'idempotent_mq.dead_letter.reason': 'rejected',
    });
    expect(each.filter(hasFailed)).toEqual([rejected]);
  });

  it('have each its own span in its handler, and one for the transaction that they share', async () => {
    await start(Cards);
    // Nothing is hoarded before a handler has shown that it is fast.
    await publish('P-first');
    await app.events('acknowledged');
    active = [];
    await app.outbox.publishAll(PaymentSucceeded, IDS.map(payment), { standalone: true });
    await app.events('acknowledged', IDS.length + 1);
    const { each } = await processed(IDS.length + 1);
    const together = each.filter(({ attributes }) => attributes['idempotent_mq.biz_id'] !== 'P-first');
    const [shared] = await spans.named('transact payment.succeeded');
    expect(shared).toMatchObject({ kind: SpanKind.INTERNAL });
    expect(shared!.attributes).toMatchObject({
      'messaging.batch.message_count': 3,
      'idempotent_mq.outcome': 'acknowledged',
    });
    expect([...active].sort()).toEqual(together.map(idOf).sort());
    expect(linkedWith(shared!)).toEqual(together.map(idOf).sort());
    expect(together.map(linkedWith)).toEqual(together.map(() => [idOf(shared!)]));
  });
});
