import { Injectable, Logger } from '@nestjs/common';
import {
  type DeliveryContext,
  IdempotentConsumer,
  type IdempotentMqOptions,
  type MessageSpan,
  type MessageTracing,
  OutboxPublisher,
  defineTopic,
} from '../../src/index.js';
import { GuardedTracing } from '../../src/tracing/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';

// Property: who traces disturbs nothing, however broken: each message is handled once, with the headers that it was published
// with. And where nobody traces, nothing is put into messages and nobody is called.

const CardIssued = defineTopic<{ paymentId: string }>({
  name: 'card.issued',
  bizId: ({ paymentId }) => paymentId,
});

const handled: string[] = [];

@Injectable()
class Cards {
  constructor(private readonly outbox: OutboxPublisher) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: Payment, { headers }: DeliveryContext): Promise<void> {
    handled.push(`payment ${paymentId} ${JSON.stringify([...headers])}`);
    await this.outbox.publish(CardIssued, { paymentId }, { headers: { from: 'cards' } });
  }

  @IdempotentConsumer(CardIssued, { group: 'mailing' })
  mail({ paymentId }: { paymentId: string }, { headers }: DeliveryContext): void {
    handled.push(`card ${paymentId} ${JSON.stringify([...headers])}`);
  }
}

const fail = (): never => {
  throw new Error('the collector is on fire');
};

function spanWith(parts: Partial<Record<keyof MessageSpan, unknown>>): MessageSpan {
  const sound: MessageSpan = {
    context: () => [['traceparent', '00-1-2-01']],
    run: (work) => work(),
    note: () => undefined,
    end: () => undefined,
  };
  return { ...sound, ...parts } as MessageSpan;
}

const tracingOf = (begin: () => unknown): MessageTracing => {
  const each = begin as () => MessageSpan;
  return { publish: each, relay: each, handle: each, handleTogether: each };
};

const BROKEN: [string, MessageTracing][] = [
  ['begins no span, and throws', tracingOf(fail)],
  ['returns none', tracingOf(() => undefined)],
  ['returns something else', tracingOf(() => 'a span')],
  ['throws for its context', tracingOf(() => spanWith({ context: fail }))],
  ['has a context that is none', tracingOf(() => spanWith({ context: () => [[1, 2], 'ab', {}] }))],
  ['has a context without room', tracingOf(() => spanWith({ context: () => [['a', 'x'.repeat(20_000)]] }))],
  ['throws before the work', tracingOf(() => spanWith({ run: fail }))],
  ['never runs the work', tracingOf(() => spanWith({ run: () => undefined }))],
  [
    'runs the work twice, and throws',
    tracingOf(() =>
      spanWith({
        run: (work: () => unknown) => {
          work();
          work();
          fail();
        },
      }),
    ),
  ],
  ['throws for what it is told', tracingOf(() => spanWith({ note: fail, end: fail }))],
];

describe.each(['one database', 'a database each'])('messages over %s', (shape) => {
  let database: TestDatabase;
  let broker: TestDatabase;
  let app: TestApp | undefined;
  let warned: jest.SpyInstance;

  beforeEach(async () => {
    handled.length = 0;
    warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    database = await createDatabase('sqlite');
    broker = await createDatabase('sqlite');
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app?.close();
    await database.drop();
    await broker.drop();
  });

  const start = async (options: IdempotentMqOptions, providers = [Cards]) => {
    const place = shape === 'one database' ? {} : { broker: { dataSource: broker.options } };
    return (app = await startApp(database, { providers, options: { ...place, ...options } }));
  };
  const publish = (...ids: string[]) =>
    app!.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true, headers: { a: '1' } });
  const told = () =>
    warned.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('option tracing'));

  it.each(BROKEN)('are handled once each by a tracing that %s', async (_, tracing) => {
    await start({ tracing });
    await publish('P-1', 'P-2');
    await app!.events('acknowledged', 4);
    expect(handled.sort()).toEqual([
      'card P-1 [["from","cards"]]',
      'card P-2 [["from","cards"]]',
      'payment P-1 [["a","1"]]',
      'payment P-2 [["a","1"]]',
    ]);
    expect(app!.seen.filter(({ type }) => type.includes('error') || type === 'retry-scheduled')).toEqual([]);
  });

  it('have the log told once why there are no spans', async () => {
    await start({ tracing: tracingOf(fail) });
    await publish('P-1', 'P-2');
    await app!.events('acknowledged', 4);
    expect(told()).toEqual([
      'The option tracing failed; messages go on without: Error: the collector is on fire',
    ]);
  });

  it('do not show their handlers what travels beside their headers', async () => {
    const tracing = tracingOf(() => spanWith({}));
    expect(await storedOf(tracing)).toEqual([
      ['a', '1'],
      ['mq-traceparent', '00-1-2-01'],
    ]);
    await start({ tracing });
    await app!.events('acknowledged', 2);
    expect(handled).toContain('payment P-1 [["a","1"]]');
  });

  it('show none of it where only their sender traces', async () => {
    await storedOf(tracingOf(() => spanWith({})));
    await start({});
    await app!.events('acknowledged', 2);
    expect(handled).toContain('payment P-1 [["a","1"]]');
  });

  it('have nothing beside their headers, and nobody is called, where nobody traces', async () => {
    const calls = (['publish', 'relay', 'handle', 'handleTogether'] as const).map((method) =>
      jest.spyOn(GuardedTracing.prototype, method),
    );
    expect(await storedOf(undefined)).toEqual([['a', '1']]);
    await start({});
    await app!.events('acknowledged', 2);
    for (const call of calls) expect(call).not.toHaveBeenCalled();
  });

  /** The headers of a message that is published, as its table has them before anybody takes it from there. */
  async function storedOf(tracing: MessageTracing | undefined): Promise<unknown> {
    const sender = await start({ tracing, roles: { relay: false } }, []);
    await publish('P-1');
    const table = shape === 'one database' ? 'mq_message' : 'mq_outbox';
    const [{ headers }] = await sender.dataSource.query<[{ headers: Buffer }]>(
      `SELECT headers FROM ${table}`,
    );
    await sender.close();
    return JSON.parse(headers.toString('utf8'));
  }
});
