import { Sweeper } from '../../src/broker/sweeper.js';

// Property: what keeps one part of the sweep from its work keeps no other from its own.

describe('the sweeper', () => {
  const PARTS = ['dropping', 'unrouted', 'subscriptions', 'forgetting', 'expiring', 'claims'] as const;

  const sweeperOf = (failing: readonly string[]) => {
    const swept: string[] = [];
    const part = (name: string, answer: unknown) => ({
      note: () => undefined,
      sweep: async () => {
        swept.push(name);
        if (failing.includes(name)) throw new Error(`${name} fails`);
        return answer;
      },
    });
    const sweeper = new Sweeper(
      part('dropping', undefined) as never,
      part('unrouted', []) as never,
      part('subscriptions', undefined) as never,
      part('forgetting', 0) as never,
      part('expiring', []) as never,
      part('claims', 0) as never,
      { intervalMs: 60_000, onError: () => undefined },
    );
    return { sweeper, swept };
  };

  it.each(PARTS)('goes on with the others when %s fails, and says so in the end', async (failing) => {
    const { sweeper, swept } = sweeperOf([failing]);
    await expect(sweeper.sweep()).rejects.toThrow(`${failing} fails`);
    expect([...swept].sort()).toEqual([...PARTS].sort());
  });

  it('says nothing when none fails', async () => {
    await expect(sweeperOf([]).sweeper.sweep()).resolves.toBeUndefined();
  });
});
