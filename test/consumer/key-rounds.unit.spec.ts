import { KeyRounds } from '../../src/consumer/key-rounds.js';

// Property: what a worker hears of itself has a look at every key at once; what the poll tells it waits for a rest, which is as
// long as looking in vain took, and never long.

describe('rounds over ordering keys', () => {
  let now = 0;
  let rounds: KeyRounds;

  beforeEach(() => {
    now = 1_000;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    rounds = new KeyRounds();
  });

  afterEach(() => jest.restoreAllMocks());

  const endAfter = (ms: number, foundSome = false) => {
    now += ms;
    rounds.goOn(rounds.search!, { after: Buffer.from('z'), exhausted: true }, foundSome);
  };

  it('rest for a multiple of the time that they took, when they found nothing', () => {
    rounds.beginIfRested();
    endAfter(100);
    now += 399;
    rounds.beginIfRested();
    expect(rounds.search).toBeUndefined();
    now += 1;
    rounds.beginIfRested();
    expect(rounds.search).toBeDefined();
  });

  it('rest for half a minute at most: the process, or the broker, may have stood still meanwhile', () => {
    rounds.beginIfRested();
    endAfter(4 * 24 * 3_600_000);
    now += 30_000;
    rounds.beginIfRested();
    expect(rounds.search).toBeDefined();
  });

  it('begin again at once when they found something, or when the worker has done something itself', () => {
    rounds.beginIfRested();
    endAfter(100, true);
    rounds.beginIfRested();
    expect(rounds.search).toBeDefined();
    endAfter(100);
    rounds.begin();
    expect(rounds.search).toBeDefined();
  });

  it('are not begun anew by the poll while one is under way: it would never end', () => {
    rounds.begin();
    const { search } = rounds;
    rounds.beginIfRested();
    rounds.goOn(search!, { after: Buffer.from('z'), exhausted: true });
    expect(rounds.search).toBeUndefined();
  });

  it('look at every key again when the worker has done something while one was under way', () => {
    rounds.begin();
    const { search } = rounds;
    rounds.begin();
    rounds.goOn(search!, { after: Buffer.from('m'), exhausted: true });
    expect(rounds.search).toMatchObject({ after: Buffer.from('m'), until: Buffer.from('m') });
  });
});
