import { StatusReader } from '../../src/observing/index.js';
import type { Status } from '../../src/operate/index.js';

// Property: however often somebody asks, and however slow the database is, it has one question at a time to answer, and
// none while its last answer is young enough.

const status = { database: 'shop' } as Status;

describe('reading the status', () => {
  let now: number;
  let asked: { answer: (status: Status) => void; fail: (error: Error) => void }[];
  let reader: StatusReader;

  beforeEach(() => {
    [now, asked] = [0, []];
    const read = () => new Promise<Status>((answer, fail) => asked.push({ answer, fail }));
    reader = new StatusReader(read, { cacheMs: 10_000, timeoutMs: 5 }, () => now);
  });

  it('asks once for all who ask meanwhile, and for all who ask soon', async () => {
    const first = [reader.latest(), reader.latest()];
    asked[0]!.answer(status);
    expect(await Promise.all(first)).toEqual([{ status }, { status }]);
    now = 9_999;
    expect(await reader.latest()).toEqual({ status });
    expect(asked).toHaveLength(1);
  });

  it('asks again when the answer is old', async () => {
    const first = reader.latest();
    asked[0]!.answer(status);
    await first;
    now = 10_000;
    void reader.latest();
    expect(asked).toHaveLength(2);
  });

  it('does not wait for ever, and asks no second question while the first one is open', async () => {
    for (let scrape = 0; scrape < 3; scrape++) {
      expect((await reader.latest()).error).toMatchObject({
        message: expect.stringContaining('within 5 ms'),
      });
      now += 15_000;
    }
    expect(asked).toHaveLength(1);
  });

  it('has what came late for the next one who asks', async () => {
    await reader.latest();
    asked[0]!.answer(status);
    await Promise.resolve();
    now += 1_000;
    expect(await reader.latest()).toEqual({ status });
    expect(asked).toHaveLength(1);
  });

  it.each([
    [59_999, { status }],
    [60_000, { error: expect.any(Error) }],
  ])('gives what always comes late once, also %i ms later, and asks anew meanwhile', async (later, given) => {
    await reader.latest();
    now += 3_000;
    asked[0]!.answer(status);
    await new Promise(setImmediate);
    now += later;
    expect(await reader.latest()).toEqual(given);
    expect(asked).toHaveLength(2);
    now += 10_000;
    expect(await reader.latest()).toEqual({ error: expect.any(Error) });
    expect(asked).toHaveLength(2);
  });

  it('does not ask a database that fails more often than one that answers', async () => {
    const error = new Error('away');
    const first = reader.latest();
    asked[0]!.fail(error);
    expect(await first).toEqual({ error });
    now = 9_999;
    expect(await reader.latest()).toEqual({ error });
    expect(asked).toHaveLength(1);
  });
});
