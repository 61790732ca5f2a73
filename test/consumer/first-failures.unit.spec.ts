import { IdempotentMqEvents } from '../../src/index.js';
import { logEvents } from '../../src/log-events.js';

// Property: a deploy that makes every delivery fail says so in a few lines of each handler, not in one for each delivery;
// and how many more there were is told as well.

const MINUTE_MS = 60_000;

/** Moves only when it is told to. */
class FakeClock {
  private now = 0;
  private readonly timers = new Set<{ at: number; call: () => void }>();

  readonly after = (ms: number, call: () => void) => {
    const timer = { at: this.now + ms, call };
    this.timers.add(timer);
    return { stop: () => void this.timers.delete(timer) };
  };

  pass(ms: number): void {
    this.now += ms;
    for (const timer of [...this.timers].filter(({ at }) => at <= this.now)) {
      this.timers.delete(timer);
      timer.call();
    }
  }

  get isWaitedFor(): boolean {
    return this.timers.size > 0;
  }
}

describe('the first failures of a handler', () => {
  let clock: FakeClock;
  let events: IdempotentMqEvents;
  let warned: string[];

  beforeEach(() => {
    clock = new FakeClock();
    events = new IdempotentMqEvents();
    warned = [];
    const others = { log: jest.fn(), error: jest.fn() };
    logEvents(events, { ...others, warn: (line: string) => warned.push(line) }, clock.after);
  });

  const fail = (times: number, handler = 'Cards.issue', failures = 1) => {
    for (let i = 0; i < times; i++) {
      events.emit({
        ...{ type: 'retry-scheduled', topic: 'paid', group: 'cards', bizId: `P-${i}`, handler, failures },
        ...{
          attempts: 20,
          requested: false,
          delayMs: 1_000,
          tookMs: 1,
          error: 'Error: no',
          stack: 'Error: no\n at x',
        },
      });
    }
  };

  it('are logged one by one up to five a minute, and then counted', () => {
    fail(3);
    clock.pass(MINUTE_MS / 2);
    fail(1_000);
    expect(warned).toHaveLength(5);
    expect(warned.every((line) => line.startsWith('Cards.issue failed for P-'))).toBe(true);
    clock.pass(MINUTE_MS / 2);
    expect(warned.slice(5)).toEqual(['… and 998 more first failures of Cards.issue in the last minute.']);
  });

  it('are logged again in the next minute', () => {
    fail(5);
    clock.pass(MINUTE_MS);
    fail(6);
    expect(warned).toHaveLength(10);
    clock.pass(MINUTE_MS);
    expect(warned.slice(10)).toEqual(['… and 1 more first failures of Cards.issue in the last minute.']);
  });

  it('of one handler keep those of another out of no line', () => {
    fail(100);
    fail(2, 'Sms.send');
    expect(warned.filter((line) => line.startsWith('Sms.send'))).toHaveLength(2);
    clock.pass(MINUTE_MS);
    expect(warned.at(-1)).toBe('… and 95 more first failures of Cards.issue in the last minute.');
  });

  it('do not count what failed before', () => {
    fail(100, 'Cards.issue', 2);
    clock.pass(MINUTE_MS);
    expect(warned).toEqual([]);
  });

  it('are told to the end when the app closes, and no timer stays behind', () => {
    fail(7);
    events.close();
    expect(warned.at(-1)).toBe('… and 2 more first failures of Cards.issue in the last minute.');
    expect(clock.isWaitedFor).toBe(false);
  });
});
