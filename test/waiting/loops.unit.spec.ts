import { Loops } from '../../src/waiting/index.js';

describe('the loops of a process', () => {
  let now: number;
  let loops: Loops;

  beforeEach(() => {
    now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    loops = new Loops();
  });

  afterEach(() => jest.restoreAllMocks());

  it('tell how long they have not gone round', () => {
    const { pulse } = loops.begin({ kind: 'relay' });
    loops.begin({ kind: 'worker', topic: 'paid', group: 'cards' });
    now = 5_000;
    pulse.turned();
    now = 7_000;
    expect(loops.list()).toEqual([
      { kind: 'relay', sinceTurnMs: 2_000, failingMs: 0, error: undefined },
      { kind: 'worker', topic: 'paid', group: 'cards', sinceTurnMs: 7_000, failingMs: 0, error: undefined },
    ]);
  });

  it('go round when they fail, and tell since when they do and why', () => {
    const { pulse } = loops.begin({ kind: 'relay' });
    now = 5_000;
    pulse.failed('Error: away');
    now = 6_000;
    pulse.failed('Error: still away');
    now = 6_500;
    expect(loops.list()).toEqual([
      { kind: 'relay', sinceTurnMs: 500, failingMs: 1_500, error: 'Error: still away' },
    ]);
    pulse.turned();
    expect(loops.list()).toEqual([{ kind: 'relay', sinceTurnMs: 0, failingMs: 0, error: undefined }]);
  });

  it('are not late while they have to wait for another one, and begin anew then', () => {
    const { pulse } = loops.begin({ kind: 'worker' });
    const goOn = pulse.pause();
    now = 600_000;
    expect(loops.list()).toMatchObject([{ sinceTurnMs: 0 }]);
    goOn();
    now += 1_000;
    expect(loops.list()).toMatchObject([{ sinceTurnMs: 1_000 }]);
  });

  it('are gone when they have ended', () => {
    const { end } = loops.begin({ kind: 'relay' });
    end();
    expect(loops.list()).toEqual([]);
  });
});
