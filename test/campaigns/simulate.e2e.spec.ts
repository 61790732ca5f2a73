import { spawn } from 'node:child_process';
import { join } from 'node:path';

// Property: whatever the seed decides about who goes on when, and what breaks meanwhile, the library as it is keeps its
// promises; a variant with one rule broken does not; and a seed always takes the same course.

const ROOT = join(__dirname, '../..');
const PATIENCE_MS = 1_800_000;

/** As `npm run campaign` does. */
async function simulate(...args: string[]): Promise<{ status: number | null; output: string }> {
  const command = ['--import', 'tsx', 'campaigns/campaign.ts', 'simulate', ...args];
  const running = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  running.stdout.on('data', (text) => (output += text));
  running.stderr.on('data', (text) => (output += text));
  const status = await new Promise<number | null>((resolve) => running.once('close', resolve));
  return { status, output };
}

function courseIn(output: string): string | undefined {
  return /course: (\w+)/.exec(output)?.[1];
}

describe('the simulation', () => {
  it(
    'finds nothing in the library as it is, and each fault happens',
    async () => {
      const { status, output } = await simulate('--seed', '1', '--size', '2000');
      expect(output).toContain('OK: 0 of 2000 damaged, 0 not repeated');
      expect(status).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    'catches every broken variant',
    async () => {
      const { status, output } = await simulate('--seed', '1', '--size', '500', '--variants');
      expect(output).not.toContain('NOT CAUGHT');
      expect(status).toBe(0);
    },
    PATIENCE_MS,
  );

  it('takes the same course in another process, and another one from another seed', async () => {
    const [one, again, other] = await Promise.all(
      ['7', '7', '8'].map((seed) => simulate('--seed', seed, '--size', '5')),
    );
    expect(courseIn(one!.output)).toMatch(/^\w{16}$/);
    expect(courseIn(again!.output)).toBe(courseIn(one!.output));
    expect(courseIn(other!.output)).not.toBe(courseIn(one!.output));
  }, 60_000);

  it('shows what happens in a seed, line by line', async () => {
    const { output } = await simulate('--seed', '7', '--size', '1', '--trace');
    expect(output).toContain('business: INSERT INTO publish VALUES (?)');
  }, 60_000);

  it.each([
    [['--size', '1'], '--seed must be a whole number from 1 (got none).'],
    [['--seed', 'a', '--size', '1'], '--seed must be a whole number from 1 (got a).'],
    [['--seed', '1', '--size', '1', '--variant', 'none'], '--variant must be one of no-dedup,'],
  ])('called with %j says what is wrong, and how it is right', async (args, complaint) => {
    const { status, output } = await simulate(...args);
    expect(output).toContain(complaint);
    expect(output).toContain('npm run campaign -- simulate');
    expect(status).toBe(3);
  });
});
