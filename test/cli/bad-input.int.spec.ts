import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { connect, tableNamesOf } from '../schema/support/tables-of.js';
import { type Ran, connectingTo, runCli, urlOf } from './support/run-cli.js';

const NOT_DONE = 1;
const CALLED_WRONGLY = 2;

/** Failed with a message of one line: no stack, nothing on stdout. */
function expectRefused(
  { code, stdout, stderr }: Ran,
  status: typeof CALLED_WRONGLY | typeof NOT_DONE = CALLED_WRONGLY,
): void {
  expect({ code, stdout }).toEqual({ code: status, stdout: '' });
  expect(stderr.trimEnd()).not.toMatch(/\n/);
}

describe('the command line', () => {
  it.each(['--help', '-h'])('explains itself on %s', async (flag) => {
    const { code, stdout, stderr } = await runCli([flag]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['migrate', '--database', '--data-source', '--table-prefix', 'Examples']) {
      expect(stdout).toContain(word);
    }
  });

  it.each<[string, string[], RegExp]>([
    ['no command', [], /^A command is missing: one of status, find, dead-letters list/],
    [
      'a command that it has not',
      ['rollback'],
      /^There is no command rollback\. Known are status, find, dead-letters list/,
    ],
    ['a database without a flag', ['migrate', 'mysql://me:S3cret@host/shop'], /^migrate takes .*--database/],
    ['one whose password has an @', ['migrate', 'mysql://me:it@S3cret@host/shop'], /^migrate takes .*…@host/],
  ])('says what is wrong with %s, and how it is used', async (_, args, message) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^Usage: nestjs-idempotent-mq COMMAND/m);
    expect(stderr).not.toContain('S3cret');
  });

  it('knows a SQLite file that lacks its prefix', async () => {
    const ran = await runCli(['migrate', '--database', 'data/shop.sqlite']);
    expectRefused(ran);
    expect(ran.stderr).toContain('sqlite:data/shop.sqlite');
  });

  it('asks for the compiled file where TypeScript was given', async () => {
    const ran = await runCli(['migrate', '--data-source', 'missing.ts']);
    expectRefused(ran);
    expect(ran.stderr).toMatch(/missing\.ts.*compiled/);
  });

  it.each<[string, string[], RegExp]>([
    [
      'a flag that it does not know',
      ['migrate', '--databse=mysql://root:S3cret@127.0.0.1/shop'],
      /^There is no flag --databse of migrate\. There are --database, --data-source, --table-prefix, --help\./,
    ],
    ['a flag without its value', ['serve', '--port'], /^--port needs a value/],
    ['a flag in the place of a value', ['serve', '--port', '--host', 'x'], /^--port needs a value/],
    ['an empty value', ['serve', '--port='], /^--port needs a value/],
    ['a value for a switch', ['audit', '--json=1'], /^--json takes no value/],
    [
      'a flag of another command',
      ['migrate', '--port', '1'],
      /^--port belongs to the command serve, not to migrate/,
    ],
    [
      'a flag twice',
      ['migrate', '--database', 'sqlite:a', '--database', 'sqlite:b'],
      /^--database is given more than once/,
    ],
    ['a name of every object', ['migrate', '--constructor', 'x'], /^There is no flag --constructor/],
  ])('says in a line what is wrong with %s', async (_, args, message) => {
    const ran = await runCli(args);
    expectRefused(ran);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).not.toContain('S3cret');
  });

  it('asks for one of the two ways to name a database when none is given', async () => {
    const ran = await runCli(['migrate']);
    expectRefused(ran);
    expect(ran.stderr).toMatch(/--database or --data-source/);
  });

  it('refuses both ways at once', async () => {
    const ran = await runCli(['migrate', '--database', 'sqlite:a.sqlite', '--data-source', 'default.mjs']);
    expectRefused(ran);
    expect(ran.stderr).toMatch(/--database or --data-source/);
  });

  it.each([
    'oracle://root:S3cret@127.0.0.1/shop',
    'postgres://root:S3cret/with@signs@127.0.0.1/shop',
    'root:S3cret@127.0.0.1/shop',
    'mysql://root:S3cret@127.0.0.1:port/shop',
    'mysql://root:S3cret/x@127.0.0.1:1/shop',
    'mysql://root:S3cret@127.0.0.1:1',
  ])('refuses the URL %s without showing its password', async (url) => {
    const ran = await runCli(['migrate', '--database', url]);
    expectRefused(ran);
    expect(ran.stderr).toMatch(/--database must be/);
    expect(ran.stderr).not.toContain('S3cret');
  });

  it('shows no password of a URL that was given as a file', async () => {
    const ran = await runCli(['migrate', '--data-source', 'mysql://root:S3cret@127.0.0.1/shop']);
    expectRefused(ran);
    expect(ran.stderr).toContain('--data-source');
    expect(ran.stderr).not.toContain('S3cret');
  });

  it.each([
    ['none.mjs', /--data-source.*none\.mjs.*DataSource|--data-source.*DataSource.*none\.mjs/],
    ['two.mjs', /--data-source.*(Shop, Stock)/],
    ['missing.mjs', /--data-source.*missing\.mjs/],
    ['throws.mjs', /throws\.mjs.*DATABASE_URL is not set/],
  ])('says what is wrong with %s', async (file, message) => {
    const options = { type: 'better-sqlite3', database: ':memory:' };
    const ran = await runCli(['migrate', '--data-source', file], { MQ_CLI_OPTIONS: JSON.stringify(options) });
    expectRefused(ran);
    expect(ran.stderr).toMatch(message);
  });

  it('says which server it could not reach', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const ran = await runCli(['migrate', '--database', `mysql://root:S3cret@127.0.0.1:${port}/shop`]);
    expectRefused(ran, NOT_DONE);
    expect(ran.stderr).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
    expect(ran.stderr).not.toContain('S3cret');
  });

  it('says which SQLite file it could not open', async () => {
    const ran = await runCli(['migrate', '--database', 'sqlite:none.mjs/all.sqlite']);
    expectRefused(ran, NOT_DONE);
    expect(ran.stderr).toContain('none.mjs');
  });

  describe('with a database', () => {
    let database: TestDatabase;

    beforeEach(async () => {
      database = await createDatabase('sqlite');
    });

    afterEach(() => database.drop());

    it('refuses a table prefix that is no identifier, naming it, and creates nothing', async () => {
      const ran = await runCli(['migrate', '--database', urlOf(database), '--table-prefix', 'mq-; DROP']);
      expectRefused(ran);
      expect(ran.stderr).toMatch(/tablePrefix.*mq-; DROP/);
      const dataSource = await connect(database);
      expect(await tableNamesOf(dataSource)).toEqual([]);
      await dataSource.destroy();
    });

    it('refuses tables that are newer than it', async () => {
      expect(await runCli(['migrate', '--database', urlOf(database)])).toMatchObject({ code: 0 });
      const dataSource = await connect(database);
      await dataSource.query('INSERT INTO mq_schema_version (version) VALUES (99)');
      await dataSource.destroy();
      const ran = await runCli(['migrate', '--data-source', 'default.mjs'], connectingTo(database));
      expectRefused(ran, NOT_DONE);
      expect(ran.stderr).toMatch(/version 99.*Update the package/);
    });
  });
});
