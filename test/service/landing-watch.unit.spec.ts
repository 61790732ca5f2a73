import { LandingWatch } from '../../src/service/landing-watch.js';

// Property: whoever waits is woken by what lands, here or elsewhere, and a wait leaves nothing behind.

const TOPIC = 'payment.succeeded';
const topics = new Set([TOPIC]);

describe('a watch for landings', () => {
  let last: number;
  let asked: (number | undefined)[];
  let listeners: Set<(keyed: boolean) => void>;
  let watch: LandingWatch;
  const signal = new AbortController().signal;

  beforeEach(() => {
    last = 1;
    asked = [];
    listeners = new Set();
    watch = new LandingWatch({
      landedSince: async (after) => {
        asked.push(after);
        const landed = after !== undefined && last > after ? [{ topic: TOPIC, keyed: false }] : [];
        return { last, topics: landed };
      },
      onLanded: (_, listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await watch.stop();
  });

  const landHere = () => {
    last++;
    for (const listener of listeners) listener(false);
  };
  const wait = (options: { cursor?: number; signal?: AbortSignal; ms?: number } = {}) =>
    watch.wait(topics, { ms: 60_000, signal, ...options });
  /** Until it has begun to listen, and found nothing. */
  const waiting = async (options = {}) => {
    const found = wait(options);
    while (listeners.size === 0 || asked.length === 0) await new Promise(setImmediate);
    return { found };
  };

  it('wakes whoever waits when something lands here, and elsewhere', async () => {
    const { found } = await waiting();
    landHere();
    expect([...(await found)]).toEqual([[TOPIC, false]]);
    const elsewhere = wait();
    last++;
    expect([...(await elsewhere)]).toEqual([[TOPIC, false]]);
  });

  it('tells at once of what has landed behind the cursor', async () => {
    await wait({ ms: 0 });
    const { cursor } = watch;
    last++;
    const { found } = await waiting();
    await found;
    expect([...(await wait({ cursor }))]).toEqual([[TOPIC, false]]);
  });

  it('listens no longer than somebody waits, and keeps nothing of a signal that lives on', async () => {
    const added = jest.spyOn(signal, 'addEventListener');
    const removed = jest.spyOn(signal, 'removeEventListener');
    for (let round = 0; round < 5; round++) {
      const { found } = await waiting();
      landHere();
      await found;
      expect(listeners.size).toBe(0);
    }
    expect(added).toHaveBeenCalledTimes(5);
    expect(removed).toHaveBeenCalledTimes(5);
  });

  it('ends the wait of who has gone, and every wait when it is stopped', async () => {
    const gone = new AbortController();
    const one = await waiting({ signal: gone.signal });
    gone.abort();
    expect((await one.found).size).toBe(0);
    const other = await waiting();
    await watch.stop();
    expect((await other.found).size).toBe(0);
  });

  it('begins near the end when it has not looked for long', async () => {
    await wait({ ms: 0 });
    const hour = performance.now() + 3_600_000;
    jest.spyOn(performance, 'now').mockReturnValue(hour);
    last = 5_000_000;
    asked.length = 0;
    expect([...(await wait())]).toEqual([[TOPIC, false]]);
    expect(asked.slice(0, 2)).toEqual([undefined, 4_990_000]);
  });
});
