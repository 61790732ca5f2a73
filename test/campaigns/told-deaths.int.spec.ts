import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dieAs } from '../../campaigns/commit.js';
import type { CampaignDatabase } from '../../campaigns/databases/create.js';
import type { Pair } from '../../campaigns/databases/pair.js';
import { Slot, type Surroundings } from '../../campaigns/fleet/slot.js';

// Property: a process that was to die at a COMMIT has done so where it wrote that down and killed itself; whatever else ends
// it is an accident, and no death that a campaign may count.

const DEATH = { place: 'consume', when: 'before-commit', nth: 1 } as const;
const PROGRAM = `
  const task = JSON.parse(process.env.CAMPAIGN_TASK);
  const say = (died) => require('node:fs').appendFileSync(task.history, JSON.stringify({ died }) + '\\n');
  const die = () => process.kill(process.pid, 'SIGKILL');
`;

describe('a process that is to die at a COMMIT', () => {
  let folder: string;
  let accidents: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mq-deaths-'));
    accidents = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function slotWith(behaviour: string): Promise<Slot> {
    const program = join(folder, 'program.cjs');
    writeFileSync(program, PROGRAM + behaviour);
    const sqlite = { engine: 'sqlite', options: { type: 'better-sqlite3' } } as CampaignDatabase;
    return Slot.open('consumer', 'consumer-1', {
      pair: { shape: 1, business: sqlite, broker: sqlite } as Pair,
      ...{ program, folder, campaign: 'commit', seed: 'a' },
      write: () => undefined,
      onAccident: (what) => accidents.push(what),
    } as Partial<Surroundings> as Surroundings);
  }

  it('has done so', async () => {
    const slot = await slotWith(`say('consume before-commit'); die();`);
    expect(await dieAs(slot, DEATH)).toBe(true);
    expect(accidents).toEqual([]);
  });

  it.each([
    ['is killed by somebody else', 'die();', 'SIGKILL'],
    ['dies at another place', `say('claim before-commit'); die();`, 'SIGKILL'],
    ['dies when it is too late', `say('consume after-commit'); die();`, 'SIGKILL'],
    ['says so, and exits', `say('consume before-commit'); process.exit(0);`, 'status 0'],
    ['does not handle a rejection', `Promise.reject(new Error('by chance'));`, 'status 1'],
  ])('and %s, has not', async (_, behaviour, how) => {
    const slot = await slotWith(behaviour);
    expect(await dieAs(slot, DEATH)).toBe(false);
    expect(accidents).toEqual([expect.stringContaining(`consumer-1.1 ended by itself (${how})`)]);
  });

  it('is no accident where it was killed because it did not come to that', async () => {
    const slot = await slotWith('setInterval(() => undefined, 1_000);');
    const died = dieAs(slot, DEATH);
    // As soon as there is somebody.
    while (!(await slot.kill())) await Promise.resolve();
    expect(await died).toBe(false);
    expect(accidents).toEqual([]);
  });
});

describe('a process that is told to shut down', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'mq-deaths-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    [0, []],
    [1, [expect.stringContaining('consumer-1 was told to shut down, and ended with 1')]],
  ])('and ends with %i is an accident unless that is 0', async (status, expected) => {
    const accidents: string[] = [];
    const program = join(folder, 'program.cjs');
    writeFileSync(program, `process.on('message', () => process.exit(${status})); process.send('ready');`);
    const sqlite = { engine: 'sqlite', options: { type: 'better-sqlite3' } } as CampaignDatabase;
    const slot = await Slot.open('consumer', 'consumer-1', {
      pair: { shape: 1, business: sqlite, broker: sqlite } as Pair,
      ...{ program, folder, campaign: 'commit', seed: 'a' },
      write: () => undefined,
      onAccident: (what) => accidents.push(what),
    } as Partial<Surroundings> as Surroundings);
    slot.start();
    await slot.shutDown();
    expect(accidents).toEqual(expected);
  });
});
