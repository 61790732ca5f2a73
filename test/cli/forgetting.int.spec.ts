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
    expect(stdout).toContain('2 rows, of which 1 would go now, and 1 stay because a message of theirs waits');
    expect(stdout).toMatch(/watermark 20\S+Z, mark none yet$/m);
    expect(await world.remembered()).toEqual(['P-1', 'P-2']);
    const other = await forgetting('--dedup-ms', String(60 * DAY_MS));
    expect(other.stdout).toContain('2 rows, of which 0 would go now');
  });
});

describe('nestjs-idempotent-mq', () => {
  it('refuses flags of forgetting on other commands, and times that are none', async () => {
    const database = ['--database', 'sqlite::memory:'];
    const stray = await runCli(['migrate', ...database, '--dedup-ms', '1']);
    expect(stray).toMatchObject({ code: 1, stderr: expect.stringContaining('--dedup-ms belongs to') });
    const month = await runCli(['forgetting', ...database, '--dedup-ms', '30d']);
    expect(month.stderr).toContain('--dedup-ms must be a whole number of milliseconds (got "30d")');
    const short = await runCli(['forgetting', ...database, '--dedup-ms', '30']);
    expect(short.stderr).toContain('retention.dedupMs must be at least');
  });
});
