import { InStep } from '../../src/testing/matrix/in-step.js';

/** Several that go on together, as far as they can. */
describe('in step', () => {
  it('nobody goes on before all are there, at each step', async () => {
    const inStep = new InStep(2, 60_000);
    const seen: string[] = [];
    const walk = async (who: string) => {
      for (const step of [1, 2, 3]) {
        seen.push(`${who} at ${step}`);
        await inStep.take(step);
      }
    };
    const first = walk('a');
    await Promise.resolve();
    expect(seen).toEqual(['a at 1']);
    await Promise.all([first, walk('b')]);
    const steps = seen.map((line) => Number(line.at(-1)));
    expect(steps).toEqual([...steps].sort());
  });

  it('who waits in vain goes on, and waits no more', async () => {
    const inStep = new InStep(2, 20);
    const before = performance.now();
    for (let step = 1; step <= 100; step++) await inStep.take(step);
    expect(performance.now() - before).toBeLessThan(1_000);
  });
});
