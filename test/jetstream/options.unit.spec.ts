import { jetstream } from '../../src/jetstream/index.js';
import { Names } from '../../src/jetstream/names.js';
import { partitionOf } from '../../src/jetstream/partition.js';

describe('the options of jetstream()', () => {
  const url = 'nats://nats.internal:4222';

  it.each([
    ['url', { url: 'http://nats.internal' }],
    ['url', { url: [] }],
    ['prefix', { url, prefix: 'a.b' }],
    ['partitions', { url, partitions: 0 }],
    ['keepMs', { url, duplicateWindowMs: 3_600_000, keepMs: 3_600_001 }],
    ['client: { servers }', { url, client: { servers: 'elsewhere' } }],
    ['colour', { url, colour: 'red' }],
  ])('are refused where %s is wrong', (option, options) => {
    expect(() => jetstream(options as never)).toThrow(`jetstream({ ${option} })`);
  });

  it('never shows a password', () => {
    expect(() => jetstream({ url: 'amqp://user:secret@host' })).toThrow('***');
  });
});

describe('names', () => {
  const names = new Names('mq');

  it('are readable, and different for each topic and group', () => {
    expect(names.stream('payment.succeeded')).toBe('mq_payment_succeeded');
    expect(names.subject('payment.succeeded')).toBe('mq.payment_succeeded.plain');
    const topics = ['a.b', 'a_b', 'a:b', 'a-b', 'a..b', 'a__b', 'a=u', 'a'.repeat(181), 'a'.repeat(182)];
    expect(new Set(topics.map((topic) => names.stream(topic))).size).toBe(topics.length);
    const consumers = [names.consumer('a', 0), names.consumer('a', 1), names.consumer('a')];
    expect(new Set(consumers).size).toBe(3);
  });

  it('have no sign that JetStream takes for something else', () => {
    for (const name of [names.stream('a.b:c_d'), names.consumer('a.b:c_d', 3)])
      expect(name).not.toMatch(/[.*>\s/\\]/);
  });
});

describe('the partition of a key', () => {
  it('is the same for ever', () => {
    const parts = ['account-1', 'account-2', 'account-3'].map((key) => partitionOf(Buffer.from(key), 4));
    expect(parts).toEqual([1, 0, 1]);
  });
});
