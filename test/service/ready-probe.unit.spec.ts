import { ReadyProbe } from '../../src/service/ready-probe.js';

// Property: the database is asked once a second at most, and an answer is never older than that.

it('asks once a second, however many want to know', async () => {
  let now = 0;
  let asked = 0;
  let answers = true;
  const probe = new ReadyProbe(
    async () => {
      asked++;
      return answers;
    },
    () => now,
  );
  expect(await Promise.all([probe.isReady(), probe.isReady()])).toEqual([true, true]);
  answers = false;
  now = 999;
  expect(await probe.isReady()).toBe(true);
  expect(asked).toBe(1);
  now = 1_000;
  expect(await probe.isReady()).toBe(false);
  expect(asked).toBe(2);
});
