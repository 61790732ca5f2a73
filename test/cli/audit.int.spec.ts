import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { EVERYWHERE, World } from '../forgetting/support/world.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { runCli, urlOf } from './support/run-cli.js';

const CARDS = [
  '--table',
  'card',
  '--column',
  'paymentId',
  '--group',
  'cards',
  '--topic',
  'payment.succeeded',
];
const NOW = ['--patience-ms', '0'];

describe.each(EVERYWHERE)('nestjs-idempotent-mq audit, on %s with %s,', (engine, shape) => {
  let world: World;

  beforeEach(async () => {
    world = await World.open(engine, shape);
    await world.publish('P-1');
    await world.publish('P-2');
    await world.app.broker.sweep();
  });

  afterEach(() => world.close());

  const broker = () => (shape === 'one database' ? [] : ['--broker', urlOf(world.brokers)]);
  const audit = (...flags: string[]) =>
    runCli(['audit', '--database', urlOf(world.business), ...broker(), ...NOW, ...flags]);

  it('says that nothing is wrong, with exit status 0', async () => {
    const { code, stdout, stderr } = await audit(...CARDS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Nothing is wrong\. \d+ rows were looked at\.$/m);
  });

  it('names what is wrong and what to do, with exit status 1, and leaves it as it is', async () => {
    await world.dataSource.query('DELETE FROM card');
    await world.dataSource.query(`INSERT INTO card (paymentId, issuedBy) VALUES (?, 'hand')`, [
      '\u001b[31mP\u202e',
    ]);
    const before = await world.remembered();
    const { code, stdout, stderr } = await audit(...CARDS, '--limit', '1');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(
      /^effect-missing \(missing\): 2\. .+\n {2}mq_dedup scenario_id \d+, biz_id "P-1"; none in card\n {2}and 1 more$/m,
    );
    expect(stdout).toContain(String.raw`card paymentId "\u001b[31mP\u202e"`);
    expect(stdout).toMatch(/^What to do: docs\/operations\.md#what-the-audit-names$/m);
    expect(await world.remembered()).toEqual(before);
    const json = JSON.parse((await audit(...CARDS, '--json')).stdout);
    expect(json).toMatchObject({
      ok: false,
      found: [
        {
          kind: 'effect-missing',
          sort: 'missing',
          count: 2,
          rows: [{ table: 'mq_dedup', bizId: 'P-1' }, { bizId: 'P-2' }],
        },
        { kind: 'dedup-missing', count: 1 },
      ],
    });
  });
});

describe('nestjs-idempotent-mq audit', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    await runCli(['migrate', '--database', urlOf(database)]);
  });

  afterEach(() => database.drop());

  const audit = (...flags: string[]) => runCli(['audit', '--database', urlOf(database), ...NOW, ...flags]);

  it.each<[string, string[], RegExp]>([
    ['a table without a column', ['--table', 'card'], /--table and --column/],
    ['a scenario and a group', [...CARDS, '--scenario', 'x'], /--scenario.*or with --group and --topic/],
    [
      'a table that is no name',
      ['--table', 'card; DROP', '--column', 'id', '--scenario', 'x'],
      /--table must be/,
    ],
    [
      'a table with too many names',
      ['--table', 'a.b.c', '--column', 'id', '--scenario', 'x'],
      /--table must be/,
    ],
    [
      'a column that is no name',
      ['--table', 'card', '--column', 'a.b', '--scenario', 'x'],
      /--column must be/,
    ],
    ['a scenario that is not there', CARDS, /There is no scenario "consumer\/5:cards.*There are: none/],
    ['a limit that is no number', ['--limit', 'all'], /--limit must be a whole number/],
    ['a broker that is no URL', ['--broker', 'shop'], /^InvalidOptionError: --broker must be a URL/],
    ['a flag that is given twice', ['--patience-ms', '1'], /--patience-ms is given more than once/],
    ['a flag of another command', ['--dedup-ms', '1'], /--dedup-ms belongs to the command forgetting/],
    ['a flag that there is not', ['--tabel', 'card'], /There is no flag --tabel of audit/],
  ])('has exit status 2 for %s', async (_, flags, message) => {
    const { code, stdout, stderr } = await audit(...flags);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  /** Rows of a scenario as IdempotentExecutor leaves them, and a table in which each of their biz-ids has a row. */
  const remember = async (bizIds: readonly bigint[]) => {
    const file = new Sqlite(String(database.options.database));
    file.prepare('INSERT INTO mq_scenario (id, name) VALUES (1, ?)').run(Buffer.from('named/import'));
    file.exec('CREATE TABLE imported (id INTEGER PRIMARY KEY)');
    for (const id of bizIds) {
      file
        .prepare(
          `INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at, result) VALUES (1, ?, x'00', 0, 0, 1, x'01')`,
        )
        .run(Buffer.from(String(id)));
      file.prepare('INSERT INTO imported (id) VALUES (?)').run(id);
    }
    file.close();
  };
  const IMPORTED = ['--table', 'imported', '--scenario', 'import'];

  it('comes to the end of a table whose numbers are longer than those of JavaScript', async () => {
    // Odd ones, which a double can't hold: each is rounded to a neighbour, and half of them down.
    await remember(Array.from({ length: 5 }, (_, i) => 2n ** 53n + 1n + 2n * BigInt(i)));
    const { code, stdout, stderr } = await audit(...IMPORTED, '--column', 'id');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Nothing is wrong/);
  });

  it('names no row, but their number, with a limit of 0', async () => {
    await remember([1n]);
    const file = new Sqlite(String(database.options.database));
    file.exec('DELETE FROM imported');
    file.close();
    const { code, stdout } = await audit(...IMPORTED, '--column', 'id', '--limit', '0');
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^effect-missing \(missing\): 1\. .+\n {2}none of them is named, with --limit 0$/m,
    );
  });

  it.each([
    [
      'table',
      ['--table', 'nope', '--column', 'id'],
      /^ConfigurationError: nope\.id can't be read: .*no such table/,
    ],
    [
      'column',
      ['--table', 'imported', '--column', 'nope'],
      /^ConfigurationError: imported\.nope can't be read/,
    ],
  ])('has exit status 2 for a %s that is not there', async (_, flags, message) => {
    await remember([]);
    const { code, stderr } = await audit(...flags, '--scenario', 'import');
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('leaves a SQLite file as it is, also one that has no WAL', async () => {
    const path = String(database.options.database);
    const file = new Sqlite(path);
    file.pragma('journal_mode = DELETE');
    file.close();
    const before = readFileSync(path);
    expect((await audit()).code).toBe(0);
    expect((await runCli(['forgetting', '--database', urlOf(database)])).code).toBe(0);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))).toEqual([
      basename(path),
    ]);
  });

  it('says which of two databases it can not open', async () => {
    const { code, stderr } = await audit('--broker', 'mysql://root:S3cret@127.0.0.1:1/broker');
    expect(code).toBe(3);
    expect(stderr).toMatch(/^Error: broker on 127\.0\.0\.1:1 can't be opened: .*ECONNREFUSED/);
    expect(stderr).not.toContain('S3cret');
  });

  it('has exit status 3 where it could not be done', async () => {
    const nowhere = await runCli(['audit', '--database', 'sqlite:nope/nope.sqlite']);
    expect(nowhere).toMatchObject({ code: 3, stdout: '' });
    const noTables = await audit('--table-prefix', 'other_');
    expect(noTables).toMatchObject({ code: 3, stderr: expect.stringContaining('migrat') });
  });

  it('keeps its flags to itself', async () => {
    const { code, stderr } = await runCli(['migrate', '--database', urlOf(database), '--json']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--json belongs to the command .* or audit, not to migrate/);
  });
});
