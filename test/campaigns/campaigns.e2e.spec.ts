import { spawn } from 'node:child_process';
import { join } from 'node:path';

// Property: a campaign finds nothing in the library as it is, and finds what is broken in a variant. These are small ones;
// docs/proof.md says how to run those that prove something.

const ROOT = join(__dirname, '../..');
/** A few seconds of faults each, a lease that has to run out, and a machine that may have more to do. */
const PATIENCE_MS = 300_000;

const mariadb = process.env.MQ_TEST_MARIADB_URL;
const databases: { name: string; args: string[] }[] = [
  { name: 'SQLite', args: [] },
  ...(mariadb ? [{ name: 'MariaDB', args: ['--database', mariadb.replace(/^mysql:/, 'mariadb:')] }] : []),
];

interface Finished {
  status: number | null;
  output: string;
}

/** As `npm run campaign` does. */
async function campaign(...args: string[]): Promise<Finished> {
  const running = spawn(process.execPath, ['--import', 'tsx', 'campaigns/campaign.ts', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  running.stdout.on('data', (text) => (output += text));
  running.stderr.on('data', (text) => (output += text));
  const status = await new Promise<number | null>((resolve) => running.once('close', resolve));
  return { status, output };
}

describe.each(databases)('a short campaign on $name, business and broker apart', ({ args }) => {
  it(
    'loses and doubles nothing when processes are killed',
    async () => {
      const { status, output } = await campaign(
        'kill',
        '--seed',
        '1',
        '--size',
        '8',
        '--shape',
        '2',
        ...args,
      );
      expect(output).toContain('lost 0, doubled 0, landedTwice 0, unfounded 0, left 0');
      expect({ status, output }).toMatchObject({ status: 0 });
    },
    PATIENCE_MS,
  );

  it(
    'loses and doubles nothing when COMMITs are',
    async () => {
      const { status, output } = await campaign(
        'commit',
        '--seed',
        '1',
        '--size',
        '1',
        '--shape',
        '2',
        ...args,
      );
      expect(output).toContain('lost 0, doubled 0, landedTwice 0, unfounded 0, left 0');
      expect({ status, output }).toMatchObject({ status: 0 });
    },
    PATIENCE_MS,
  );
});

describe('a short campaign with a broken variant', () => {
  it.each(['no-dedup', 'ack-first'])(
    'catches %s',
    async (variant) => {
      const { status, output } = await campaign(
        ...['kill', '--seed', '1', '--size', '9', '--shape', '1', '--variant', variant],
      );
      expect(output).toContain('1 caught');
      expect({ status, output }).toMatchObject({ status: 0 });
    },
    PATIENCE_MS,
  );
});

describe('a campaign, called wrongly', () => {
  it.each([
    [['kill', '--size', '1'], '--seed must be given.'],
    [['stall', '--seed', '1', '--size', '1'], 'NAME must be kill or commit (got stall).'],
    [['kill', '--seed', '1', '--size', '0'], '--size must be a whole number from 1 (got 0).'],
  ])(
    '%j says what is wrong, and how it is right',
    async (args, complaint) => {
      const { status, output } = await campaign(...args);
      expect(output).toContain(complaint);
      expect(output).toContain('npm run campaign -- NAME');
      expect(status).toBe(3);
    },
    PATIENCE_MS,
  );
});
