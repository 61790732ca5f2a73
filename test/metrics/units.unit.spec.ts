import type { IdempotentMqEvent } from '../../src/index.js';
import { EVENT_METRICS, GAUGES, MetricsSource, type Seen } from '../../src/metrics/index.js';
import type { Observed } from '../../src/observing/index.js';
import type { Status } from '../../src/operate/index.js';

// Property: a metric has the unit that it is defined with, so that an alert in seconds means seconds; and what an attempt came
// to is what its handler did.

const OF_CARDS = { topic: 'payment.succeeded', group: 'cards' };
const exactly = (value: number) => ({ value, precision: 'exact' as const });

function measured(name: string, event: object) {
  return EVENT_METRICS.find((metric) => metric.name === `idempotent_mq.${name}`)!.measure(
    event as IdempotentMqEvent,
  );
}

describe('what events measure', () => {
  const acknowledged = { type: 'acknowledged', ...OF_CARDS, tookMs: 1_500, ageMs: 90_000 };

  it('is in seconds', () => {
    expect(measured('handling_duration', acknowledged)?.value).toBe(1.5);
    expect(measured('effect_delay', acknowledged)?.value).toBe(90);
  });

  it.each([
    ['done', acknowledged],
    ['failed', { type: 'retry-scheduled', ...OF_CARDS, tookMs: 1, requested: false }],
    ['later', { type: 'retry-scheduled', ...OF_CARDS, tookMs: 1, requested: true }],
    ['failed', { type: 'dead-lettered', ...OF_CARDS, tookMs: 1 }],
  ])('of an attempt is %s where its handler has done so: %j', (outcome, event) => {
    expect(measured('handling_duration', event)?.labels).toEqual({ ...OF_CARDS, outcome });
  });

  it('is nothing where no handler ran', () => {
    expect(measured('handling_duration', { type: 'dead-lettered', ...OF_CARDS })).toBeUndefined();
  });
});

describe('what gauges read', () => {
  const at = new Date('2026-03-29T09:00:00Z');
  const waiting = { ...OF_CARDS, ready: exactly(3), oldestReadyMs: 90_000 };
  const seen = (status: object): Seen => ({
    status: { at, groups: [], topics: [], scenarios: [], ...status } as unknown as Status,
    loops: [{ kind: 'worker', ...OF_CARDS, sinceTurnMs: 1_500, failingMs: 2_500, error: undefined }],
  });
  const read = (name: string, status: object) =>
    GAUGES.find((gauge) => gauge.name === `idempotent_mq.${name}`)!
      .read(seen(status))
      .map(({ value }) => value);

  it('is in seconds', () => {
    expect(read('backlog_age', { groups: [waiting] })).toEqual([90]);
    expect(
      read('parked_age', { topics: [{ topic: 't', parked: exactly(1), oldestParkedMs: 2_500 }] }),
    ).toEqual([2.5]);
    expect(read('outbox_age', { outbox: { waiting: exactly(1), oldestMs: 500 } })).toEqual([0.5]);
    const mark = new Date(at.getTime() - 60_000);
    expect(read('watermark_age', { scenarios: [{ scenario: 's', mark }] })).toEqual([60]);
    expect(read('loop_age', {})).toEqual([1.5]);
    expect(read('loop_failing', {})).toEqual([2.5]);
  });

  it('is 0 where nothing waits, and has no value where nobody knows', () => {
    const nothing = { ...waiting, ready: exactly(0), oldestReadyMs: undefined };
    expect(read('backlog_age', { groups: [nothing] })).toEqual([0]);
    expect(read('backlog_age', { groups: [{ ...waiting, oldestReadyMs: undefined }] })).toEqual([]);
    expect(read('watermark_age', { scenarios: [{ scenario: 's', mark: undefined }] })).toEqual([]);
  });
});

describe('counters without labels', () => {
  it('are there before anything has happened, as nobody sees one rise that begins at one', () => {
    const silent = { events: { of: () => ({ subscribe: () => undefined }) } } as unknown as Observed;
    const options = { instance: undefined, cacheMs: 0, timeoutMs: 1, maxLabelValues: 1 };
    const recorded: Record<string, number> = {};
    new MetricsSource(silent, options).onEvent(({ name }, value) => (recorded[name] = value));
    const unlabelled = EVENT_METRICS.filter(
      ({ kind, labels }) => kind === 'counter' && labels.length === 0,
    ).map(({ name }) => [name, 0]);
    expect(unlabelled.length).toBeGreaterThan(0);
    expect(recorded).toEqual(Object.fromEntries(unlabelled));
  });
});
