import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundleProcess, judgesEarly } from '../../campaigns/processes/bundle.js';
import { variants } from '../../campaigns/variants/index.js';
import { CAMPAIGNS } from '../../campaigns/variants/variant.js';
import { bundle } from '../support/bundle.js';
import { inLanes } from '../support/in-lanes.js';

// Property: a campaign finds nothing in the library as it is, and finds what is broken in a variant. These are short ones;
// docs/proof.md says how to run those that prove something.

const ROOT = join(__dirname, '../..');
/** Some minutes on a machine with two cores and nothing else to do. */
const PATIENCE_MS = 1_800_000;
/** Much of their time they wait for a lease to run out. */
const AT_A_TIME = 3;

const mariadb = process.env.MQ_TEST_MARIADB_URL;
const onMariadb = mariadb ? ['--database', mariadb.replace(/^mysql:/, 'mariadb:')] : undefined;
const mysql = process.env.MQ_TEST_MYSQL_URL;
const postgres = process.env.MQ_TEST_POSTGRES_URL;
/** So many kills with each engine, in both shapes. */
const KILLS = ['kill', '--size', '20'];
/** So many COMMITs of each kind, at each of the protocol's places: all of these there are in shape 2. */
const COMMITS = ['commit', '--size', '25', '--shape', '2'];
/** So many messages that each fault happens, and that a variant's damage is not left to chance. */
const inOrder = ['order', '--size', '250'];

// What takes longest comes first.
const asItIs = [
  {
    title: 'on SQLite when processes die at their COMMITs',
    // A process dies with each of them, where a server only loses a connection.
    args: ['commit', '--size', '15', '--shape', '2'],
  },
  { title: 'on SQLite when processes are killed', args: KILLS },
  { title: 'on SQLite when payments come again and again', args: ['duplicates', '--size', '600'] },
  ...(onMariadb
    ? [
        {
          title: 'on MariaDB when COMMITs are lost',
          args: [...COMMITS, ...onMariadb],
        },
        { title: 'on MariaDB when processes are killed', args: [...KILLS, ...onMariadb] },
        {
          title: 'on MariaDB when COMMITs of shared transactions are lost',
          args: ['commit', '--size', '10', '--shape', '1', '--per-transaction', '10', ...onMariadb],
        },
        {
          title: 'on MariaDB when all of it happens at once',
          args: ['all', '--size', '1200', '--database', 'mariadb'],
        },
        { title: 'on MariaDB under ordering keys', args: [...inOrder, ...onMariadb] },
        {
          title: 'on MariaDB when payments come again and again',
          args: ['duplicates', '--size', '600', ...onMariadb],
        },
        { title: 'on MariaDB when the network fails', args: ['wire', '--size', '4', ...onMariadb] },
        {
          title: 'on MariaDB when handlers are hostile',
          args: ['hostile', '--size', '250', '--shape', '1', ...onMariadb],
        },
        {
          title: 'on MariaDB when biz-ids are soon forgotten',
          // So many that some are too old to judge.
          args: ['forgetting', '--size', '800', '--shape', '1', ...onMariadb],
        },
        {
          title: 'on MariaDB when one of two instances is killed',
          args: ['instances', '--size', '6', ...onMariadb],
        },
        {
          title: 'on MariaDB when its servers are killed',
          args: ['server', '--size', '6', '--shape', '2', '--database', 'mariadb'],
        },
        {
          title: 'on MariaDB when processes stand still',
          args: ['pause', '--size', '12', '--shape', '2', ...onMariadb],
        },
        {
          title: 'on MariaDB when a primary is lost',
          args: ['failover', '--size', '3', '--shape', '1', '--database', 'mariadb'],
        },
      ]
    : []),
  ...(mysql
    ? [
        { title: 'on MySQL when COMMITs are lost', args: [...COMMITS, '--database', mysql] },
        { title: 'on MySQL when processes are killed', args: [...KILLS, '--database', mysql] },
        { title: 'on MySQL under ordering keys', args: [...inOrder, '--database', mysql] },
        {
          title: 'on MySQL when payments come again and again',
          args: ['duplicates', '--size', '600', '--database', mysql],
        },
        {
          title: 'on MySQL when one of two instances is killed',
          args: ['instances', '--size', '6', '--database', mysql],
        },
        {
          title: 'on MySQL when its server is killed',
          args: ['server', '--size', '4', '--shape', '1', '--database', 'mysql'],
        },
      ]
    : []),
  // PostgreSQL is tested on request only: docs/proof.md has the larger ones.
  ...(postgres
    ? [
        {
          title: 'on PostgreSQL when COMMITs are lost',
          args: ['commit', '--size', '3', '--shape', '2', '--database', postgres],
        },
        {
          title: 'on PostgreSQL when processes are killed',
          args: ['kill', '--size', '8', '--shape', '1', '--database', postgres],
        },
        {
          title: 'on PostgreSQL when payments come again and again',
          args: ['duplicates', '--size', '200', '--shape', '1', '--database', postgres],
        },
        {
          title: 'on PostgreSQL when its server is killed',
          args: ['server', '--size', '2', '--shape', '1', '--database', 'postgres'],
        },
      ]
    : []),
  { title: 'on SQLite when one of two instances is killed', args: ['instances', '--size', '4'] },
  { title: 'on SQLite under ordering keys', args: inOrder },
  { title: 'on SQLite when processes stand still', args: ['pause', '--size', '20', '--shape', '1'] },
  { title: 'on SQLite when the network fails', args: ['wire', '--size', '4'] },
  { title: 'on SQLite when handlers are hostile', args: ['hostile', '--size', '200', '--shape', '2'] },
  {
    title: 'on SQLite when biz-ids are soon forgotten',
    args: ['forgetting', '--size', '800', '--shape', '1'],
  },
];
const DAMAGED_OR_MISSED = 1;
const VOID = 2;
const NOTHING =
  'lost 0, maybeLost 0, doubled 0, landedTwice 0, unfounded 0, unbalanced 0, left 0, disordered 0, overlapped 0, late 0';
const broken = [
  // Told of twice, a payment has two cards.
  { title: 'no-dedup', args: ['kill', '--size', '3', '--shape', '1', '--variant', 'no-dedup'] },
  // A worker dies, and what it held comes after what was published later.
  { title: 'without-keys', args: ['kill', '--size', '6', '--shape', '1', '--variant', 'without-keys'] },
  // What fails waits, and what follows it under its key is handled meanwhile.
  { title: 'backoff-steps-aside', args: [...inOrder, '--variant', 'backoff-steps-aside'] },
  // A relay dies, and another one sends what follows under its key.
  { title: 'outbox-without-lines', args: [...inOrder, '--variant', 'outbox-without-lines'] },
  // Two copies that come at the same time both look, and find nothing.
  { title: 'look-first', args: ['duplicates', '--size', '200', '--shape', '1', '--variant', 'look-first'] },
  // A group stands still for longer than the retention, and what it has waiting repeats what is forgotten.
  {
    title: 'naive-forgetting',
    args: ['forgetting', '--size', '300', '--shape', '1', '--variant', 'naive-forgetting'],
  },
  // A relay dies right after the COMMIT of step 2, and what the next one sends is something else.
  {
    title: 'new-id-each-send',
    args: ['commit', '--size', '1', '--shape', '2', '--variant', 'new-id-each-send'],
  },
  // A relay dies right after the COMMIT of step 2, and the broker has forgotten by then what it has.
  {
    title: 'no-accepted-ids',
    args: ['commit', '--size', '1', '--shape', '2', '--variant', 'no-accepted-ids'],
  },
  // A relay dies right before the COMMIT of step 2, and what it sent is in no outbox any more.
  {
    title: 'delete-before-ack',
    args: ['commit', '--size', '2', '--shape', '2', '--variant', 'delete-before-ack'],
  },
  // A worker dies right after the COMMIT of its dedup row.
  {
    title: 'dedup-in-its-own-transaction',
    args: ['commit', '--size', '2', '--shape', '1', '--variant', 'dedup-in-its-own-transaction'],
  },
  // What was at the front of its line comes back behind it.
  { title: 'requeue-waits', args: [...inOrder, '--variant', 'requeue-waits'] },
  // ACK 5 is lost on the way.
  { title: 'no-dedup on the wire', args: ['wire', '--size', '3', '--variant', 'no-dedup'] },
  ...(onMariadb
    ? [
        // A handler rolls back, writes on and throws, each time with a card.
        {
          title: 'plain-transaction',
          args: ['hostile', '--size', '60', '--shape', '1', '--variant', 'plain-transaction', ...onMariadb],
        },
        // The answer to the COMMIT of an effect is lost.
        {
          title: 'blind-retry',
          args: ['commit', '--size', '2', '--shape', '1', '--variant', 'blind-retry', ...onMariadb],
        },
        // An instance dies, and what it had leased for a claim that is asked for again waits.
        {
          title: 'forgets-claims',
          args: ['instances', '--size', '6', '--variant', 'forgets-claims', ...onMariadb],
        },
        // As in each of the others, and a run with everything in it must see it as well.
        {
          title: 'no-dedup among all of it',
          args: ['all', '--size', '500', '--variant', 'no-dedup', ...onMariadb],
        },
      ]
    : []),
  // The answer to the COMMIT of an effect is lost.
  ...(postgres
    ? [
        {
          title: 'blind-retry on PostgreSQL',
          args: ['commit', '--size', '2', '--shape', '1', '--variant', 'blind-retry', '--database', postgres],
        },
      ]
    : []),
  // An instance dies that has acknowledged what it has not stored yet.
  {
    title: 'acks-before-commit',
    args: ['instances', '--size', '3', '--variant', 'acks-before-commit'],
  },
  // A worker is woken when its lock is another's.
  ...(onMariadb
    ? [
        {
          title: 'trusts-its-lease',
          args: ['pause', '--size', '36', '--shape', '1', '--variant', 'trusts-its-lease', ...onMariadb],
        },
      ]
    : []),
  // It dies right before the COMMIT of an effect that is acknowledged already.
  { title: 'ack-first', args: ['commit', '--size', '1', '--shape', '1', '--variant', 'ack-first'] },
];

interface Finished {
  status: number | null;
  output: string;
}

/** As `npm run campaign` does. */
const AS_IT_IS = ['--import', 'tsx', 'campaigns/campaign.ts'];

async function campaign(main: string[], args: readonly string[], program?: string): Promise<Finished> {
  const running = spawn(process.execPath, [...main, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...(program !== undefined && { MQ_CAMPAIGN_PROGRAM: program }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  running.stdout.on('data', (text) => (output += text));
  running.stderr.on('data', (text) => (output += text));
  const status = await new Promise<number | null>((resolve) => running.once('close', resolve));
  return { status, output };
}

/** Made once for all of these campaigns: that of a campaign, and those of its processes. */
interface Programs {
  main: string;
  plain: string;
  early: string;
}

/**
 * A short one may be void (one of its faults, drawn by chance, has not happened), or too short for a variant's damage. Then
 * another seed is to show what this one did not. What is damaged stays so.
 */
async function judged(
  { main, plain, early }: Programs,
  args: readonly string[],
  showsNothing: (status: number | null) => boolean,
) {
  let last!: Finished;
  for (const seed of ['1', '2', '3']) {
    const program = judgesEarly(args[0]!) ? early : plain;
    last = await campaign([main], [...args, '--seed', seed], program);
    if (!showsNothing(last.status)) break;
  }
  return last;
}

/** It judges how long anything takes, which it can't on a machine that is busy with others. */
const isTimed = ({ args }: { args: readonly string[] }) => args[0] === 'instances';
const isVoid = (status: number | null) => status === VOID;
const isNotCaught = (status: number | null) => status === VOID || status === DAMAGED_OR_MISSED;

describe('a short campaign', () => {
  const finished = new Map<string, Finished>();
  let programs: Programs;

  beforeAll(async () => {
    programs = {
      main: await bundle(join(ROOT, 'campaigns/campaign.ts')),
      plain: await bundleProcess(),
      early: await bundleProcess(undefined, { judgesEarly: true }),
    };
    const all = [
      ...asItIs.map((each) => ({ ...each, showsNothing: isVoid })),
      ...broken.map((each) => ({ ...each, showsNothing: isNotCaught })),
    ];
    const run = async ({ title, args, showsNothing }: (typeof all)[number]) => {
      const began = performance.now();
      finished.set(title, await judged(programs, args, showsNothing));
      // They take most of the time that the tests take.
      process.stderr.write(`${((performance.now() - began) / 1000).toFixed(0)} s: ${title}\n`);
    };
    await inLanes(
      AT_A_TIME,
      all.filter((each) => !isTimed(each)),
      run,
    );
    await inLanes(1, all.filter(isTimed), run);
  }, PATIENCE_MS);

  afterAll(() => {
    for (const file of Object.values(programs)) rmSync(dirname(file), { recursive: true });
  });

  it.each(asItIs)('loses, doubles and disorders nothing $title', ({ title }) => {
    expect(finished.get(title)).toMatchObject({
      status: 0,
      output: expect.stringContaining(NOTHING),
    });
  });

  it('has each variant there is that the engines at hand can show', () => {
    const shown = broken.map(({ args }) => args[args.indexOf('--variant') + 1]);
    // A control runs beside the library as it is.
    const possible = variants.filter(({ control, engines }) => {
      return !control && (onMariadb !== undefined || engines.includes('sqlite'));
    });
    expect(possible.map(({ name }) => name).filter((name) => !shown.includes(name))).toEqual([]);
  });

  it.each(broken)('catches $title', ({ title }) => {
    expect(finished.get(title)).toMatchObject({ status: 0, output: expect.stringContaining('1 caught') });
  });
});

describe('a campaign, called wrongly', () => {
  it.each([
    [['kill', '--size', '1'], '--seed must be given.'],
    [
      ['stall', '--seed', '1', '--size', '1'],
      `NAME must be one of ${CAMPAIGNS.join(', ')}, simulate (got stall).`,
    ],
    [
      ['instances', '--seed', '1', '--size', '1', '--shape', '1'],
      'instances has --shape 2: the broker apart.',
    ],
    [
      ['server', '--seed', '1', '--size', '1', '--database', 'mariadb://root@127.0.0.1/'],
      'server has --database mariadb, mysql or postgres (got mariadb://root@127.0.0.1/).',
    ],
    [
      ['kill', '--seed', '1', '--size', '1', '--database', 'postgres'],
      'kill has --database a URL (got postgres).',
    ],
    [
      ['kill', '--seed', '1', '--size', '1', '--database', 'oracle://127.0.0.1/'],
      '--database must be a URL that begins with mysql://, mariadb:// or postgres:// (got oracle://).',
    ],
    [
      ['failover', '--seed', '1', '--size', '1', '--database', 'mysql'],
      'failover has --database mariadb (got mysql).',
    ],
    [['kill', '--seed', '1', '--size', '0'], '--size must be a whole number from 1 (got 0).'],
  ])('%j says what is wrong, and how it is right', async (args, complaint) => {
    const { status, output } = await campaign(AS_IT_IS, args);
    expect(output).toContain(complaint);
    expect(output).toContain('npm run campaign -- NAME');
    expect(status).toBe(3);
  });
});
