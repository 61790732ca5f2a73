import { LabelValues } from '../../src/metrics/index.js';

// Property: whoever makes up topics or groups makes no more than so many time series.

describe('the values of labels', () => {
  const topics = (count: number) => Array.from({ length: count }, (_, i) => ({ topic: `topic-${i}` }));

  it('are kept up to the limit, and are one value beyond it', () => {
    const values = new LabelValues(3);
    expect(topics(5).map((labels) => values.limit(labels).topic)).toEqual([
      ...['topic-0', 'topic-1', 'topic-2'],
      ...['other', 'other'],
    ]);
    expect(values.limit({ topic: 'topic-1' })).toEqual({ topic: 'topic-1' });
  });

  it('are counted label by label', () => {
    const values = new LabelValues(1);
    expect(values.limit({ topic: 'paid', group: 'cards' })).toEqual({ topic: 'paid', group: 'cards' });
    expect(values.limit({ topic: 'paid', group: 'sms' })).toEqual({ topic: 'paid', group: 'other' });
  });

  it('are not limited where there is a handful of them', () => {
    const values = new LabelValues(1);
    for (const reason of ['failed', 'rejected', 'torn']) expect(values.limit({ reason })).toEqual({ reason });
  });

  it.each([
    ['sum', 7],
    ['max', 4],
  ] as const)('of samples beyond the limit have the %s of their values', (together, value) => {
    const samples = [10, 3, 4].map((each, i) => ({ value: each, labels: { topic: `topic-${i}` } }));
    expect(new LabelValues(1).limitAll(samples, together)).toEqual([
      { labels: { topic: 'topic-0' }, value: 10 },
      { labels: { topic: 'other' }, value },
    ]);
  });
});
