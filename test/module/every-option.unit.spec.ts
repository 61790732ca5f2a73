import type { DataSource } from 'typeorm';
import { AtLeastOnceConsumer, IdempotentConsumer } from '../../src/index.js';
import { resolveOptions } from '../../src/idempotent-mq.options.js';
import { PaymentSucceeded } from '../support/cards.js';

// Property: whatever comes of an environment variable that is missing, or was read as text, is refused by every option,
// and the error names the option, what came, and what to give.

const NO_NUMBERS: [unknown, string][] = [
  [NaN, 'the number NaN'],
  [0, 'the number 0'],
  [-1, 'the number -1'],
  [1.5, 'the number 1.5'],
  [Infinity, 'the number Infinity'],
  ['5', 'the string "5"'],
  ['', 'the string ""'],
  [null, 'null'],
  [true, 'the boolean true'],
  [[], 'an array []'],
];
const NO_BOOLEANS: [unknown, string][] = [
  ['false', 'the string "false"'],
  [0, 'the number 0'],
  [null, 'null'],
];
const NO_TEXTS: [unknown, string][] = [
  ['', 'the string ""'],
  [null, 'null'],
  [false, 'the boolean false'],
];

const FOR_CONSUMERS = [
  'concurrency',
  'leaseMs',
  'timeoutMs',
  'perTransaction',
  'retry.attempts',
  'retry.delayMs',
  'retry.maxDelayMs',
];
const NUMBERS = [
  ...[...FOR_CONSUMERS, 'connections', 'pollMs', 'maxLostLeases'].map((name) => `consumers.${name}`),
  ...['payload.maxBytes', 'payload.maxDepth', 'retention.unroutedMs'],
  ...['retention.dedupMs', 'retention.slackMs', 'retention.deadLetterMs', 'retention.quarantineMs'],
  ...['shutdownTimeoutMs', 'statementTimeoutMs', 'sqlite.writeWaitMs'],
];
const BOOLEANS = ['consumers.fingerprint', 'roles.consume', 'roles.sweep', 'sqlite.leaveDataSourceAlone'];

const each = (options: string[], values: [unknown, string][]) =>
  options.flatMap((option) => values.map(([value, shown]) => [option, shown, value] as const));

const nested = (path: string, value: unknown): object =>
  path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object;

const dataSource = { options: {} } as DataSource;
const forRoot = (options: object) => () => resolveOptions(options, dataSource);

describe('forRoot', () => {
  it.each([...each(NUMBERS, NO_NUMBERS), ...each(BOOLEANS, NO_BOOLEANS)])(
    'refuses %s: %s',
    (option, shown, value) => {
      const resolve = forRoot(nested(option, value));
      expect(resolve).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID', option }));
      expect(resolve).toThrow(/ must be (a whole number from \d+ to \d+|a boolean) \(got /);
      expect(resolve).toThrow(`(got ${shown})`);
    },
  );

  it.each(each(['schema', 'durability'], NO_TEXTS))('refuses %s: %s', (option, shown, value) => {
    expect(forRoot(nested(option, value))).toThrow(/^\w+ must be '\w+' or '\w+' \(got /);
    expect(forRoot(nested(option, value))).toThrow(`(got ${shown})`);
  });

  it.each([
    ['true', true, 'the boolean true'],
    ['something else', { publish: () => undefined }, 'an object'],
    ['null', null, 'null'],
  ])('refuses what traces nothing: %s', (_, value, shown) => {
    expect(forRoot({ tracing: value })).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', option: 'tracing' }),
    );
    expect(forRoot({ tracing: value })).toThrow(/must be what openTelemetryTracing\(\) .* returns/);
    expect(forRoot({ tracing: value })).toThrow(`(got ${shown}`);
  });

  it.each(['', 'roles.', 'consumers.', 'consumers.retry.', 'payload.', 'retention.', 'sqlite.'])(
    'refuses %ssomething that it does not know, and says what it knows',
    (room) => {
      expect(forRoot(nested(`${room}something`, 1))).toThrow(
        `${room}something must be left out: it is not an option. Known are `,
      );
    },
  );
});

describe.each([
  ['@IdempotentConsumer', IdempotentConsumer],
  ['@AtLeastOnceConsumer', AtLeastOnceConsumer],
])('%s', (name, decorator) => {
  it.each([
    ...each([...FOR_CONSUMERS, 'subscriptionVersion'], NO_NUMBERS),
    ...each(['guards', 'globalInterceptors'], NO_BOOLEANS),
    ...each(['group', 'instance'], NO_TEXTS),
  ])('refuses %s: %s', (option, shown, value) => {
    const decorate = () => decorator(PaymentSucceeded, { group: 'g', ...nested(option, value) });
    expect(decorate).toThrow(`(got ${shown})`);
    expect(decorate).toThrow(name);
    expect(decorate).toThrow(option);
  });
});

describe('the fingerprint of a consumer', () => {
  it.each(NO_BOOLEANS)('is refused where it is %j', (value) => {
    const decorate = () =>
      IdempotentConsumer(PaymentSucceeded, { group: 'g', fingerprint: value as boolean });
    expect(decorate).toThrow(/@IdempotentConsumer.*fingerprint must be a boolean/);
  });

  it('is refused where no dedup row is written', () => {
    const options = { group: 'g', fingerprint: true };
    expect(() => AtLeastOnceConsumer(PaymentSucceeded, options)).toThrow('fingerprint');
  });
});
