import { Injectable, type Type } from '@nestjs/common';
import {
  type DeliveryContext,
  IdempotentConsumer,
  type IdempotentMqOptions,
  OutboxPublisher,
  type PayloadOf,
  defineTopic,
} from '../../src/index.js';
import { openTelemetryTracing } from '../../src/opentelemetry/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { createRabbitmq, describeRabbitmq } from '../support/rabbitmq.js';
import { startService } from '../support/service.js';
import { Spans, hasFailed, inRequest, traceOf } from './spans.js';

// Property: from the request that publishes to the handler of what a handler has published, the spans of a message are one
// trace, wherever the broker is. Sender, relay and receivers are apps of their own, so no async context leads from one to the
// other: it is the message that has it.

const CardIssued = defineTopic<{ paymentId: string }>({
  name: 'card.issued',
  bizId: ({ paymentId }) => paymentId,
});

@Injectable()
class CardIssuing {
  constructor(private readonly outbox: OutboxPublisher) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext) {
    await this.outbox.publish(CardIssued, { paymentId }, { manager });
  }
}

@Injectable()
class Mailing {
  @IdempotentConsumer(CardIssued, { group: 'mailing' })
  mail(_issued: PayloadOf<typeof CardIssued>, _delivery: DeliveryContext): void {}
}

interface Place {
  broker: Pick<IdempotentMqOptions, 'broker'>;
  drop(): Promise<void>;
}

const SHAPES = ['one database', 'a database each', 'a service', 'RabbitMQ'] as const;

const PLACES: Record<(typeof SHAPES)[number], (database: TestDatabase) => Promise<Place>> = {
  'one database': () => Promise.resolve({ broker: {}, drop: () => Promise.resolve() }),
  'a database each': async ({ engine }) => {
    const broker = await createDatabase(engine);
    return { broker: { broker: { dataSource: broker.options } }, drop: () => broker.drop() };
  },
  'a service': async ({ engine }) => {
    const database = await createDatabase(engine);
    const service = await startService(database);
    const drop = async () => {
      await service.close();
      await database.drop();
    };
    return { broker: { broker: { url: service.url } }, drop };
  },
  RabbitMQ: () => {
    const rabbitmq = createRabbitmq();
    return Promise.resolve({ broker: { broker: rabbitmq.broker() }, drop: () => rabbitmq.drop() });
  },
};

const STORY = [
  'POST /payments',
  '  publish payment.succeeded',
  '    deliver payment.succeeded',
  '    process payment.succeeded',
  '      publish card.issued',
  '        deliver card.issued',
  '        process card.issued',
];
const RELAYED = STORY.flatMap((line) =>
  line.includes('publish') ? [line, `  ${line.replace('publish', 'relay')}`] : [line],
);

for (const shape of SHAPES) {
  const describeShape = shape === 'RabbitMQ' ? describeRabbitmq : describe;
  const isRelayed = shape !== 'one database';

  describeShape(`a message over ${shape}`, () => {
    describe.each(engines)('on %s', (engine) => {
      let spans: Spans;
      let database: TestDatabase;
      let place: Place;
      let apps: TestApp[];

      beforeEach(async () => {
        spans = new Spans();
        apps = [];
        database = await createDatabase(engine);
        place = await PLACES[shape](database);
      });

      afterEach(async () => {
        for (const app of apps) await app.close();
        await place.drop();
        await database.drop();
        await spans.stop();
      });

      const start = async (roles: IdempotentMqOptions['roles'], ...providers: Type[]) => {
        const options = { ...place.broker, roles, tracing: openTelemetryTracing() };
        const app = await startApp(database, { providers, options });
        apps.push(app);
        return app;
      };

      it('tells one story, from the request to the handler of what a handler has published', async () => {
        const cards = await start({ relay: false }, CardIssuing);
        const mails = await start({ relay: false }, Mailing);
        await start({ consume: false });
        const shop = await start({ consume: false, relay: false, sweep: false });
        await inRequest('POST /payments', () =>
          shop.dataSource.transaction((manager) =>
            shop.outbox.publish(PaymentSucceeded, payment('P-1'), { manager }),
          ),
        );
        await cards.events('acknowledged');
        await mails.events('acknowledged');
        const [request] = await spans.named('POST /payments');
        await spans.named('process card.issued');
        if (isRelayed) await spans.named('relay card.issued');
        expect(spans.story(request!)).toEqual(isRelayed ? RELAYED : STORY);
        // Nothing is told beside it.
        expect(new Set(spans.all.map(traceOf))).toEqual(new Set([traceOf(request!)]));
        expect(spans.all.filter(hasFailed)).toEqual([]);
      });
    });
  });
}
