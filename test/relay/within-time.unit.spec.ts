import type { ClaimedDelivery, Lease, Transport } from '../../src/transport/port.js';
import { withinTime } from '../../src/transport/within-time.js';
import { until } from '../support/until.js';

// Property: a transport of somebody's own may be late, or throw: nobody waits for it, and nothing is left leased to nobody.

const METHODS = ['claim', 'claimAlone', 'acknowledge', 'giveBack', 'finished'];
const lease = (seq: number) => ({ subscriptionId: 1, seq, token: Buffer.alloc(16) }) as ClaimedDelivery;

describe('a transport that has its time', () => {
  const limited = (transport: Partial<Transport>) => withinTime(transport as Transport, METHODS, 10);

  it('is given up when it is late', async () => {
    const never = limited({ acknowledge: () => new Promise(() => undefined) });
    await expect(never.acknowledge(lease(1))).rejects.toThrow('has not answered acknowledge() within 10 ms');
  });

  it.each([
    [
      'throws at once',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('hands on its error when it %s, and nothing else comes of it', async (_how, acknowledge) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    const began = performance.now();
    await expect(limited({ acknowledge }).acknowledge(lease(1))).rejects.toThrow('no');
    await until('its time would be over', async () => performance.now() - began > 40);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('hands back what a claim has leased that nobody waited for', async () => {
    const back: Lease[] = [];
    let answer!: (deliveries: ClaimedDelivery[]) => void;
    let answerAlone!: (delivery: ClaimedDelivery | undefined) => void;
    const late = limited({
      claim: () =>
        new Promise((resolve) => {
          answer = (deliveries) => resolve({ deliveries, lastSeen: 2, suspects: [], heldBack: false });
        }),
      claimAlone: () => new Promise((resolve) => (answerAlone = resolve)),
      giveBack: async (held) => back.push(held) > 0,
    });
    await expect(late.claim({} as never)).rejects.toThrow('claim()');
    await expect(late.claimAlone({} as never)).rejects.toThrow('claimAlone()');
    answer([lease(1), lease(2)]);
    answerAlone(lease(3));
    await until('all are handed back', async () => back.length === 3);
    expect(back.map(({ seq }) => seq).sort()).toEqual([1, 2, 3]);
  });
});
