import { Feed } from '../../src/dashboard/live/feed.js';

// Property: what an operator has to see is seen, also beside a storm of something else, and its errors only as they may be.

const whose = { topic: 'order.placed', group: 'cards' };
const absorbed = (bizId: string) => ({ type: 'duplicate-absorbed', bizId, ...whose }) as const;
const dead = (bizId: string) =>
  ({ type: 'dead-lettered', reason: 'failed', error: `Error: ${bizId}`, bizId, ...whose }) as const;

describe('what happened last', () => {
  const feed = () => new Feed((text) => text.replace('P-2', '***'));

  it('is newest first, in words, with its error apart', () => {
    const lines = feed();
    lines.note(absorbed('P-1'));
    lines.note(dead('P-2'));
    expect(lines.latest).toMatchObject([
      { tone: 'bad', text: 'Dead (failed).', error: 'Error: ***', bizId: 'P-2', times: 1, ...whose },
      { tone: 'good', bizId: 'P-1', times: 1 },
    ]);
    expect(lines.latest[1]).not.toHaveProperty('error', expect.anything());
  });

  it('has one line for a storm of one kind, and what else there was beside it', () => {
    const lines = feed();
    lines.note(dead('P-1'));
    for (let i = 0; i < 10_000; i++) lines.note(absorbed(`P-${i}`));
    lines.note(dead('P-3'));
    expect(lines.latest.map(({ type, times, bizId }) => [type, times, bizId])).toEqual([
      ['dead-lettered', 1, 'P-3'],
      ['duplicate-absorbed', 10_000, 'P-9999'],
      ['dead-lettered', 1, 'P-1'],
    ]);
  });

  it('says nothing of what passes all the time', () => {
    const lines = feed();
    lines.note({ type: 'published', topic: 'order.placed', count: 1 });
    lines.note({ type: 'delivered', attempt: 1, redelivered: false, bizId: 'P-1', ...whose });
    lines.note({ type: 'acknowledged', tookMs: 3, ageMs: 5, bizId: 'P-1', ...whose });
    expect(lines.latest).toEqual([]);
  });

  it('is no longer than a page', () => {
    const lines = feed();
    for (let i = 0; i < 500; i++) lines.note({ ...dead(`P-${i}`), group: `group-${i}` });
    expect(lines.latest).toHaveLength(60);
    expect(lines.latest[0]!.bizId).toBe('P-499');
  });
});
