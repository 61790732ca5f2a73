import { type TestEndpoint, startEndpoint } from './support/endpoint.js';
import { ask } from './support/ask.js';

// Property: the service keeps nothing of a request that is over, and takes no more at once than it is set to.

describe('the HTTP of a broker service', () => {
  let at: TestEndpoint;

  afterEach(async () => {
    await at.close();
  });

  const wait = { subscriptions: [1], waitMs: 60_000 };
  const nothing = { landed: [], cursor: 0 };
  /** An operation that waits as long as somebody waits for its answer. */
  const asLong = (signal: AbortSignal) =>
    new Promise<typeof nothing>((resolve) => signal.addEventListener('abort', () => resolve(nothing)));

  it('keeps nothing of a request that is over', async () => {
    const sources: AbortSignal[] = [];
    const any = AbortSignal.any.bind(AbortSignal);
    // What it makes is kept by Node 20 as long as its oldest source lives.
    const making = jest.spyOn(AbortSignal, 'any').mockImplementation((signals) => {
      sources.push(...signals);
      return any(signals);
    });
    try {
      at = await startEndpoint({ wait: async () => nothing });
      for (let i = 0; i < 3; i++) expect((await ask(at.url, 'wait', wait)).status).toBe(200);
      const shared = sources.filter((signal, i) => sources.indexOf(signal) !== i);
      expect(shared).toEqual([]);
    } finally {
      making.mockRestore();
    }
  });

  it('answers also where what was done can’t be said', async () => {
    at = await startEndpoint({ wait: async () => ({ landed: [], cursor: 1n as unknown as number }) });
    expect(await ask(at.url, 'wait', wait)).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(at.faults).toEqual([expect.stringMatching(/wait failed: .*BigInt/)]);
  });

  it('answers whoever waits when it stops', async () => {
    let begun!: () => void;
    const waiting = new Promise<void>((resolve) => (begun = resolve));
    at = await startEndpoint({
      wait: async (_, { signal }) => {
        begun();
        return asLong(signal);
      },
    });
    const asked = ask(at.url, 'wait', wait);
    await waiting;
    await at.endpoint.stop();
    expect((await asked).body).toEqual(nothing);
    expect((await ask(at.url, 'wait', wait)).code).toBe('UNAVAILABLE');
  });
});
