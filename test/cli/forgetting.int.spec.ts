import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DAY_MS } from '../relay/parts.js';
import { EVERYWHERE, World } from '../forgetting/support/world.js';
import { runCli, urlOf } from './support/run-cli.js';

describe.each(EVERYWHERE)('nestjs-idempotent-mq forgetting, on %s with %s,', (engine, shape) => {
  let world: World;

  beforeEach(async () => {
    world = await World.open(engine, shape);
  });

  afterEach(() => world.close());

  const broker = () => (shape === 'one database' ? [] : ['--broker', urlOf(world.brokers)]);
  const forgetting = (...flags: string[]) =>
    runCli(['forgetting', '--database', urlOf(world.business), ...broker(), ...flags]);

  it('says what would go and why the rest stays, and changes nothing', async () => {
    await world.publish('P-1');
    await world.publish('P-2');
    await world.publishDead('P-2');
    await world.letDaysPass(40);
    const { code, stdout, stderr } = await forgetting();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^consumer\/5:cards\/17:payment\.succeeded \(consumer, kept for 30 days\)$/m);
    expect(stdout).toContain(
      '2 rows: 1 would go now; 1 are kept by name, because a message with their biz-id still waits',
    );
    expect(stdout).toMatch(/watermark 20\S+Z, mark none yet$/m);
    expect(await world.remembered()).toEqual(['P-1', 'P-2']);
    const other = await forgetting('--dedup-ms', String(60 * DAY_MS));
    expect(other.stdout).toContain('2 rows: 0 would go now');
  });
});

describe('nestjs-idempotent-mq', () => {
  it('goes by the time that the scenario’s own processes have noted, unless it is told another one', async () => {
    const world = await World.open('sqlite', 'one database');
    try {
      await world.publish('P-1');
      await world.noteRetention(45 * DAY_MS);
      await world.letDaysPass(40);
      const database = ['--database', urlOf(world.business)];
      const noted = await runCli(['forgetting', ...database]);
      expect(noted.stdout).toMatch(/kept for 45 days[^]*1 rows: 0 would go now/);
      await world.noteRetention(7 * DAY_MS);
      const shorter = await runCli(['forgetting', ...database]);
      expect(shorter.stdout).toMatch(/kept for 7 days[^]*1 rows: 1 would go now/);
    } finally {
      await world.close();
    }
  });

  it('makes no database where there is none, and says what is missing', async () => {
    const nowhere = join(mkdtempSync(join(tmpdir(), 'mq-cli-')), 'nope.sqlite');
    const missing = await runCli(['forgetting', '--database', `sqlite:${nowhere}`]);
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(existsSync(nowhere)).toBe(false);
    writeFileSync(nowhere, '');
    const empty = await runCli(['forgetting', '--database', `sqlite:${nowhere}`]);
    expect(empty).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('npx nestjs-idempotent-mq migrate'),
    });
  });

  it('refuses flags of forgetting on other commands, and times that are none', async () => {
    const database = ['--database', 'sqlite::memory:'];
    const stray = await runCli(['migrate', ...database, '--dedup-ms', '1']);
    expect(stray).toMatchObject({ code: 2, stderr: expect.stringContaining('--dedup-ms belongs to') });
    const month = await runCli(['forgetting', ...database, '--dedup-ms', '30d']);
    expect(month.stderr).toContain('--dedup-ms must be a whole number of milliseconds (got "30d")');
    const short = await runCli(['forgetting', ...database, '--dedup-ms', '30']);
    expect(short.stderr).toContain('retention.dedupMs must be at least');
  });
});
