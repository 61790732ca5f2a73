import {
  AtLeastOnceConsumer,
  IdempotentConsumer,
  IdempotentMqModule,
  type IdempotentMqOptions,
  defineTopic,
} from '../../src/index.js';
import { resolveConsumerOptions } from '../../src/consumer/consumer-options.js';
import { PaymentSucceeded } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { startModules, typeOrm } from './support/start-modules.js';

/** A wrong option is an error that names the option and the value that came, never a setting that nobody asked for. */

const tooLong = 2 ** 31;

/** How an error shows a value: with its type, since '5' looks like 5. */
const got = (value: string) => {
  const type = value.startsWith('"')
    ? 'the string '
    : /\d|NaN|Infinity/.test(value)
      ? 'the number '
      : value === 'true'
        ? 'the boolean '
        : '';
  return `(got ${type}${value}`;
};

describe('forRoot refuses', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(() => database.drop());

  const wrong: [string, unknown, string, string][] = [
    ['NaN', { consumers: { concurrency: NaN } }, 'consumers.concurrency', 'NaN'],
    ['zero', { consumers: { leaseMs: 0 } }, 'consumers.leaseMs', '0'],
    ['a negative number', { consumers: { timeoutMs: -1 } }, 'consumers.timeoutMs', '-1'],
    ['a fraction', { consumers: { pollMs: 0.5 } }, 'consumers.pollMs', '0.5'],
    ['infinity', { shutdownTimeoutMs: Infinity }, 'shutdownTimeoutMs', 'Infinity'],
    ['a timer that Node can’t wait for', { shutdownTimeoutMs: tooLong }, 'shutdownTimeoutMs', `${tooLong}`],
    ['a number as text', { statementTimeoutMs: '5' }, 'statementTimeoutMs', '"5"'],
    ['null for a number', { consumers: { connections: null } }, 'consumers.connections', 'null'],
    ['a boolean as text', { roles: { consume: 'false' } }, 'roles.consume', '"false"'],
    ['a boolean as a number', { sqlite: { leaveDataSourceAlone: 1 } }, 'sqlite.leaveDataSourceAlone', '1'],
    ['an unknown option', { tablePrefx: 'x_' }, 'tablePrefx', '"x_"'],
    ['an unknown option further in', { retention: { dedupe: 1 } }, 'retention.dedupe', '1'],
    ['an unknown retry option', { consumers: { retry: { attemps: 3 } } }, 'consumers.retry.attemps', '3'],
    [
      'an async retryIf',
      { consumers: { retry: { retryIf: async () => true } } },
      'consumers.retry.retryIf',
      'a function',
    ],
    ['no retries', { consumers: { retry: { attempts: 0 } } }, 'consumers.retry.attempts', '0'],
    ['something else than an object', { consumers: { retry: 5 } }, 'consumers.retry', '5'],
    ['null for an object', { payload: null }, 'payload', 'null'],
    ['an unknown schema', { schema: 'sync' }, 'schema', '"sync"'],
    ['a table prefix with a quote', { tablePrefix: 'mq`' }, 'tablePrefix', '"mq`"'],
    ['an empty table prefix', { tablePrefix: '' }, 'tablePrefix', '""'],
    ['a table prefix that is no text', { tablePrefix: 7 }, 'tablePrefix', '7'],
    ['a deeper nesting than can be walked', { payload: { maxDepth: 1e9 } }, 'payload.maxDepth', '1000000000'],
    ['a body longer than a packet', { payload: { maxBytes: 1e12 } }, 'payload.maxBytes', '1000000000000'],
    [
      'as many connections as no server has',
      { consumers: { connections: 1e9 } },
      'consumers.connections',
      '1000000000',
    ],
    [
      'a wait that no clock can add',
      { retention: { unroutedMs: 9e15 } },
      'retention.unroutedMs',
      '9000000000000000',
    ],
    [
      'a wait for groups that was meant in days',
      { retention: { unroutedMs: 7 } },
      'retention.unroutedMs',
      '7',
    ],
    [
      'a wait for groups that no deploy keeps',
      { retention: { unroutedMs: 59_999 } },
      'retention.unroutedMs',
      '59999',
    ],
    [
      'a first wait that is longer than the longest',
      { consumers: { retry: { delayMs: 400_000 } } },
      'consumers.retry.delayMs',
      '400000',
    ],
    ['a lease that no renewal can keep', { consumers: { leaseMs: 99 } }, 'consumers.leaseMs', '99'],
    [
      'a retry option that every object has',
      { consumers: { retry: { toString: 1 } } },
      'consumers.retry.toString',
      '1',
    ],
    ['a topic without a name', { topics: [{ name: '', bizId: () => 'x' }] }, 'topics[0]', '""'],
    ['no table prefix at all', { tablePrefix: null }, 'tablePrefix', 'null'],
    ['topics that are names', { topics: ['payment.succeeded'] }, 'topics[0]', '"payment.succeeded"'],
    ['topics that are no list', { topics: 'payment.succeeded' }, 'topics', '"payment.succeeded"'],
    ['a manager for a function', { currentManager: 1 }, 'currentManager', '1'],
  ];

  it.each(wrong)('%s', async (_, options, option, value) => {
    const start = startModules({
      imports: [typeOrm(database), IdempotentMqModule.forRoot(options as IdempotentMqOptions)],
    });
    await expect(start).rejects.toMatchObject({ code: 'OPTIONS_INVALID', option });
    await expect(start).rejects.toThrow(got(value));
  });

  it('what a factory did not return', async () => {
    const useFactory = (() => undefined) as unknown as () => IdempotentMqOptions;
    const start = startModules({
      imports: [typeOrm(database), IdempotentMqModule.forRootAsync({ useFactory })],
    });
    await expect(start).rejects.toThrow('must be an object (got undefined)');
  });

  it.each([[null], [5], [[]], [new Date(0)], ['x'], [() => ({})]])('%p for its options', (options) => {
    for (const register of ['forRoot', 'forRootAsync'] as const) {
      const call = () => IdempotentMqModule[register](options as never);
      expect(call).toThrow(/^forRoot(Async)?\(options\) must be an object \(got /);
    }
  });

  it.each([
    ['nothing', undefined, 'forRootAsync(options) must be an object (got undefined)'],
    ['no factory', {}, 'with one of useFactory, useClass, useExisting (got an object {})'],
    ['two factories', { useFactory: () => ({}), useClass: class {} }, 'with one of useFactory, '],
    ['a factory that is none', { useFactory: 5 }, 'forRootAsync({ useFactory }) must be a function'],
    ['a class without the method', { useClass: class {} }, 'with the method createIdempotentMqOptions()'],
    ['null for a class', { useClass: null }, 'with the method createIdempotentMqOptions() (got null)'],
    [
      'options beside the factory',
      { useFactory: () => ({}), schema: 'ensure' },
      'forRootAsync({ schema }) must be left out here: what the factory returns has the options.',
    ],
  ])('%s for a factory', (_, options, message) => {
    const call = () => IdempotentMqModule.forRootAsync(options as never);
    expect(call).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }));
    expect(call).toThrow(message);
  });

  it.each([[5], [null], [''], [{ type: 'mysql' }]])('%p for the name of a DataSource', (dataSource) => {
    const call = () => IdempotentMqModule.forRoot({ dataSource: dataSource as never });
    expect(call).toThrow(/^forRoot\(\{ dataSource \}\) must be the name of a DataSource/);
  });

  it('an option that is elsewhere, and says where', async () => {
    const options = { retry: { attempts: 3 } } as IdempotentMqOptions;
    const start = startModules({ imports: [typeOrm(database), IdempotentMqModule.forRoot(options)] });
    await expect(start).rejects.toThrow(
      'retry must be left out: it is not an option here (did you mean consumers.retry?).',
    );
    await expect(start).rejects.toThrow('(got an object {"attempts":3})');
  });

  it('what holds a password, without showing it', async () => {
    const options = { broker: { dataSource: { username: 'shop', password: 'hunter2' } } } as never;
    const start = startModules({ imports: [typeOrm(database), IdempotentMqModule.forRoot(options)] });
    await expect(start).rejects.toThrow('(got an object {"username":"shop","password":"***"})');
  });

  it.each([
    ['the broker', 'mysql://shop:hunter2@db/broker'],
    ['the broker’s database', { dataSource: 'mysql://shop:hunter2@db/broker' }],
    ['the broker’s address, with a user,', { url: 'https://shop:hunter2@broker?a=1' }],
    ['the broker’s address, misspelt,', { url: 'https://shop:hunter2/@broker' }],
    ['the broker’s address, with a query,', { url: 'https://broker?token=hunter2' }],
  ])('%s as a text with a password, without showing it', async (_, broker) => {
    const options = { broker } as never;
    const start = startModules({ imports: [typeOrm(database), IdempotentMqModule.forRoot(options)] });
    await expect(start).rejects.toThrow(/^broker.* must be .*\*\*\*/);
    await expect(start).rejects.not.toThrow('hunter2');
  });

  it('a name that is none', () => {
    expect(() => IdempotentMqModule.forRoot({ name: 'two words' })).toThrow(
      /forRoot\(\{ name \}\) must be .* \(got the string "two words"\)/,
    );
  });
});

describe('a longest wait that is shorter than the first one by default', () => {
  it('is the first one too', () => {
    expect(resolveConsumerOptions('x', { retry: { maxDelayMs: 500 } }).retry).toMatchObject({
      delayMs: 500,
      maxDelayMs: 500,
    });
    expect(() => resolveConsumerOptions('x', { retry: { delayMs: 501, maxDelayMs: 500 } })).toThrow(
      'x.retry.delayMs must be at most retry.maxDelayMs (500)',
    );
  });
});

describe('a consumer’s decorator refuses', () => {
  const wrong: [string, object, string, string][] = [
    ['no group', {}, 'group', 'undefined'],
    ['a group with a space', { group: 'card issuing' }, 'group', '"card issuing"'],
    ['a group that is too long', { group: 'g'.repeat(201) }, 'group', `"${'g'.repeat(10)}`],
    ['an instance that is no name', { group: 'g', instance: '' }, 'instance', '""'],
    ['no concurrency', { group: 'g', concurrency: 0 }, 'concurrency', '0'],
    ['a lease that is no number', { group: 'g', leaseMs: NaN }, 'leaseMs', 'NaN'],
    ['an unknown option', { group: 'g', concurency: 3 }, 'concurency', '3'],
    ['an unknown retry option', { group: 'g', retry: { attemps: 3 } }, 'retry.attemps', '3'],
    ['retries that are a number', { group: 'g', retry: 3 }, 'retry', '3'],
    ['an async retryIf', { group: 'g', retry: { retryIf: async () => false } }, 'retryIf', 'a function'],
    ['a retryIf that is no function', { group: 'g', retry: { retryIf: true } }, 'retryIf', 'true'],
    ['retries that are null', { group: 'g', retry: null }, 'retry', 'null'],
    ['guards as text', { group: 'g', guards: 'false' }, 'guards', '"false"'],
    ['a subscription version of zero', { group: 'g', subscriptionVersion: 0 }, 'subscriptionVersion', '0'],
  ];

  it.each(wrong)('%s', (_, options, option, value) => {
    for (const decorator of [IdempotentConsumer, AtLeastOnceConsumer]) {
      const decorate = () => decorator(PaymentSucceeded, options as { group: string });
      expect(decorate).toThrow(got(value));
      expect(decorate).toThrow(`(payment.succeeded)`);
      expect(decorate).toThrow(option);
    }
  });

  it('a static method, which Nest never calls', () => {
    const decorate = () => {
      class CardIssuing {
        @IdempotentConsumer(PaymentSucceeded, { group: 'g' })
        static issue(): void {}
      }
      return CardIssuing;
    };
    expect(decorate).toThrow('CardIssuing.issue (topic payment.succeeded) is a static method');
  });

  it('a generator, of which calling it runs nothing', () => {
    const decorate = () => {
      class CardIssuing {
        @IdempotentConsumer(PaymentSucceeded, { group: 'g' })
        async *issue(): AsyncGenerator<void> {}
      }
      return CardIssuing;
    };
    expect(decorate).toThrow('CardIssuing.issue (topic payment.succeeded) is a generator');
  });

  it('what only the other kind of consumer has', () => {
    expect(() => AtLeastOnceConsumer(PaymentSucceeded, { group: 'g', scenario: 's' } as never)).toThrow(
      /scenario must be left out/,
    );
  });

  it('an unknown way to ACK, and a scenario that is no name', () => {
    expect(() => IdempotentConsumer(PaymentSucceeded, { group: 'g', ack: 'auto' as never })).toThrow(
      /ack must be 'return' or 'manual' \(got the string "auto"\)/,
    );
    expect(() => IdempotentConsumer(PaymentSucceeded, { group: 'g', scenario: 'a b' })).toThrow(
      /scenario must be .* \(got the string "a b"\)/,
    );
  });

  it('to share transactions with an ACK of its own, in hundreds, or where there is none', () => {
    const shared = (more: object) => () => IdempotentConsumer(PaymentSucceeded, { group: 'g', ...more });
    expect(shared({ perTransaction: 2, ack: 'manual' })).toThrow(/perTransaction must be 1, or left out/);
    expect(shared({ perTransaction: 101 })).toThrow(
      /perTransaction must be .* from 1 to 100 \(got the number 101\)/,
    );
    expect(shared({ perTransaction: 1, ack: 'manual' })).not.toThrow();
    expect(() => AtLeastOnceConsumer(PaymentSucceeded, { group: 'g', perTransaction: 2 } as never)).toThrow(
      /perTransaction must be left out/,
    );
  });

  it('batches without a size, of another one than it can have, that wait for ever, or for something else', () => {
    const batched = (batch: unknown) => () =>
      IdempotentConsumer(PaymentSucceeded, { group: 'g', batch } as never);
    const where = '@IdempotentConsumer\\(payment.succeeded\\)';
    for (const [batch, complaint] of [
      [{}, 'batch.max must be a whole number from 1 to 1000 \\(got undefined\\)'],
      [{ max: 0 }, 'batch.max must be .* \\(got the number 0\\)'],
      [{ max: 1_001 }, 'batch.max must be .* \\(got the number 1001\\)'],
      [{ max: '50' }, 'batch.max must be .* \\(got the string "50"\\)'],
      [{ max: 50, waitMs: -1 }, 'batch.waitMs must be .* from 0 to 60000 \\(got the number -1\\)'],
      [{ max: 50, waitMs: 60_001 }, 'batch.waitMs must be .* \\(got the number 60001\\)'],
      [{ max: 50, size: 5 }, 'batch.size must be left out: .* Known are max, waitMs'],
      [50, 'batch must be an object, such as { max: 100 } \\(got the number 50\\)'],
      [null, 'batch must be an object, such as { max: 100 } \\(got null\\)'],
    ] as const)
      expect(batched(batch)).toThrow(new RegExp(`${where}.${complaint}`));
    expect(batched({ max: 1_000, waitMs: 60_000 })).not.toThrow();
  });

  it('batches together with what is said of one message, or of shared transactions', () => {
    const batched = (more: object) => () =>
      IdempotentConsumer(PaymentSucceeded, { group: 'g', batch: { max: 50 }, ...more });
    expect(batched({ ack: 'manual' })).toThrow(/ack must be 'return', or left out, with batch/);
    expect(batched({ perTransaction: 5 })).toThrow(
      /perTransaction must be left out with batch, .* \(got the number 5\)/,
    );
    expect(batched({ ack: 'return' })).not.toThrow();
  });

  it('a topic that is only a name', () => {
    expect(() => IdempotentConsumer('payment.succeeded' as never, { group: 'g' })).toThrow(
      /a topic made by defineTopic\(\) \(got the string "payment.succeeded"\)/,
    );
  });
});

describe('defineTopic refuses', () => {
  it.each(['', 'two words', '.hidden', 'ü', 'x'.repeat(201)])('the name %j', (name) => {
    expect(() => defineTopic({ name, bizId: () => 'x' })).toThrow(got(JSON.stringify(name).slice(0, 12)));
  });
});
