import { Rate } from '../../src/dashboard/live/rates.js';
import { StepCounts } from '../../src/dashboard/live/step-counts.js';

describe('a rate', () => {
  it('is that of the last ten seconds, without the one that is not over yet', () => {
    const rate = new Rate(0);
    for (let second = 0; second < 20; second++) rate.add(5, second * 1_000 + 500);
    expect(rate.perSecond(19_900)).toBe(5);
    rate.add(1_000, 19_950);
    expect(rate.perSecond(19_990)).toBe(5);
    expect(rate.perSecond(20_000)).toBe(105);
    expect(rate.perSecond(25_000)).toBe((4 * 5 + 1_005) / 10);
    expect(rate.perSecond(31_000)).toBe(0);
    expect(rate.total).toBe(1_100);
  });

  it('is not thinned by time in which nobody counted yet', () => {
    const rate = new Rate(100_000);
    rate.add(30, 100_100);
    expect(rate.perSecond(100_500)).toBe(0);
    expect(rate.perSecond(103_000)).toBe(10);
  });

  it('is none after a long silence', () => {
    const rate = new Rate(0);
    rate.add(7, 100);
    expect(rate.perSecond(10_000_000)).toBe(0);
    rate.add(7, 10_000_100);
    expect(rate.perSecond(10_001_000)).toBe(0.7);
  });
});

describe('the counts of the six steps', () => {
  const whose = { topic: 'order.placed', group: 'cards', bizId: 'A' };
  let nowMs: number;
  let counts: StepCounts;

  beforeEach(() => {
    nowMs = 0;
    counts = new StepCounts(() => nowMs);
  });

  it('are those of publishes, where a publish lands by itself', () => {
    counts.note({ type: 'published', topic: 'order.placed', count: 20 });
    nowMs = 10_000;
    expect(counts.steps(false)).toMatchObject({ send: 2, land: 2, confirm: 2, deliver: 0 });
    expect(counts.steps(true)).toMatchObject({ send: 0, land: 0, confirm: 0 });
  });

  it('count what was absorbed in each half, and ACKs of duplicates as ACKs', () => {
    const sending = { topic: 'order.placed', bizId: 'A', innerMsgId: 'ff' };
    counts.note({ type: 'sent', sends: 1, ...sending });
    counts.note({ type: 'sent', sends: 2, ...sending });
    counts.note({ type: 'landed', ...sending });
    counts.note({ type: 'resend-absorbed', ...sending });
    counts.note({ type: 'delivered', attempt: 1, redelivered: false, ...whose });
    counts.note({ type: 'delivered', attempt: 2, redelivered: true, ...whose });
    counts.note({ type: 'acknowledged', tookMs: 3, ageMs: 5, ...whose });
    counts.note({ type: 'duplicate-absorbed', ...whose });
    nowMs = 1_000;
    expect(counts.steps(true)).toEqual({ send: 2, land: 1, confirm: 0, deliver: 2, acknowledge: 2, drop: 0 });
    expect(counts.absorbed).toEqual({ resends: 1, duplicates: 1 });
    expect(counts.sends).toEqual({ all: 2, again: 1 });
    expect(counts.group('order.placed', 'cards')).toEqual({ delivered: 2, acknowledged: 2, failed: 0 });
    expect(counts.group('order.placed', 'sms')).toEqual({ delivered: 0, acknowledged: 0, failed: 0 });
  });

  it('count a retry as a failure, unless a handler has asked for it', () => {
    const retry = {
      type: 'retry-scheduled',
      failures: 1,
      attempts: 5,
      delayMs: 10,
      tookMs: 1,
      handler: 'Cards.issue',
      error: 'Error: no paper',
      stack: '',
      code: undefined,
      ...whose,
    } as const;
    counts.note({ ...retry, requested: true });
    counts.note({ ...retry, requested: false });
    nowMs = 1_000;
    expect(counts.group('order.placed', 'cards').failed).toBe(1);
  });
});
