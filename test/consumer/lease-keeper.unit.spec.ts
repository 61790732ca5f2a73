import { HeldDelivery } from '../../src/consumer/held-delivery.js';
import { LeaseKeeper } from '../../src/consumer/lease-keeper.js';
import type { ClaimedDelivery, Transport } from '../../src/transport/port.js';

const subscription = { id: 1, topic: 'payment.succeeded', group: 'card-issuing' };
const LEASE_MS = 30_000;

function heldDelivery(): HeldDelivery {
  return new HeldDelivery({ bizId: Buffer.from('P-1'), failures: 0, lostLeases: 0 } as ClaimedDelivery);
}

describe('the renewal of leases', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function keeper(extend: () => Promise<[]>): LeaseKeeper {
    const leases = new LeaseKeeper({ extend } as unknown as Transport, subscription, LEASE_MS);
    leases.hold(heldDelivery(), () => undefined);
    leases.start();
    return leases;
  }

  it('comes three times a lease', async () => {
    let renewals = 0;
    keeper(async () => {
      renewals++;
      return [];
    });
    await jest.advanceTimersByTimeAsync(LEASE_MS);
    expect(renewals).toBe(3);
  });

  it('is not begun anew while the database gives no answer to the last one, and goes on when it does', async () => {
    let renewals = 0;
    let answer!: () => void;
    keeper(() => {
      renewals++;
      return new Promise<[]>((resolve) => (answer = () => resolve([])));
    });
    await jest.advanceTimersByTimeAsync(10 * LEASE_MS);
    expect(renewals).toBe(1);
    answer();
    await jest.advanceTimersByTimeAsync(LEASE_MS / 3);
    expect(renewals).toBe(2);
  });

  it('holds a shutdown up no longer than that may take', async () => {
    const leases = keeper(() => new Promise(() => undefined));
    await jest.advanceTimersByTimeAsync(LEASE_MS);
    let stopped = false;
    void leases.stop(2_000).then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(1_999);
    expect(stopped).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(stopped).toBe(true);
  });
});
