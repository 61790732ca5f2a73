import { PollPace } from '../../src/waiting/index.js';

describe('the pace of an idle loop', () => {
  const waits = (pace: PollPace, count: number) => Array.from({ length: count }, () => pace.next());

  it('is slow as long as nothing is found', () => {
    expect(waits(new PollPace(200), 3)).toEqual([200, 200, 200]);
  });

  it('is fast after a find that nobody had called for, and slower each time until it is slow again', () => {
    const pace = new PollPace(200, 5);
    pace.foundUnasked();
    const after = waits(pace, 30);
    expect(after[0]).toBe(5);
    expect(after).toEqual([...after].sort((one, other) => one - other));
    expect(after.at(-1)).toBe(200);
    // It asks some 20 times in the second that this takes, and not hundreds of times.
    expect(after.filter((ms) => ms < 200).length).toBeLessThan(20);
  });

  it('is never slower after a find than it is told to be', () => {
    const pace = new PollPace(2, 5);
    pace.foundUnasked();
    expect(waits(pace, 2)).toEqual([2, 2]);
  });
});
