import { type Pair, createPair } from '../../campaigns/databases/pair.js';
import { comeToRest } from '../../campaigns/drain.js';
import type { Fleet } from '../../campaigns/fleet/fleet.js';

// Property: nobody looks at what a run has left before everybody has come to an end by itself: who had lost its lease is in
// no table, and shot it could not double anything.

describe('a run comes to rest', () => {
  let pair: Pair;
  let did: string[];

  beforeEach(async () => {
    pair = await createPair({ business: undefined, broker: undefined }, 1);
    did = [];
  });
  afterEach(() => pair.drop());

  function fleetThat(atShutdown: () => Promise<unknown> = async () => undefined): Fleet {
    const note = (what: string) => async () => void did.push(what);
    return {
      of: () => [],
      stopPublishing: note('publishers gone'),
      sweep: note('swept'),
      shutDown: async () => {
        did.push('all shut down');
        await atShutdown();
      },
    } as Partial<Fleet> as Fleet;
  }

  it('when nothing waits, and then all are told to come to their end', async () => {
    const { drainMs, left } = await comeToRest(fleetThat(), pair);
    expect(drainMs).toBeGreaterThanOrEqual(0);
    expect(left).toEqual([]);
    expect(did).toEqual(['publishers gone', 'swept', 'all shut down']);
  });

  it('not where something waits again by then, and says in which table', async () => {
    const { drainMs, left } = await comeToRest(
      fleetThat(() => pair.rawBroker.query('INSERT INTO mq_delivery (subscription_id, seq) VALUES (1, 1)')),
      pair,
    );
    expect(drainMs).toBeDefined();
    expect(left).toEqual(['1 in mq_delivery, when all had been through']);
  });
});
