import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { connect, tableNamesOf } from '../schema/support/tables-of.js';
import { type Ran, connectingTo, runCli, urlOf } from './support/run-cli.js';

/** Failed with a message of one line: no stack, nothing on stdout. */
function expectRefused({ code, stdout, stderr }: Ran): void {
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
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
    ['no command', [], /^A command is missing: one of migrate, outbox-restored/],
    [
      'a command that it has not',
      ['rollback'],
      /^There is no command rollback\. Known are migrate, outbox-restored/,
    ],
    ['a database without a flag', ['migrate', 'mysql://me:S3cret@host/shop'], /^migrate takes .*--database/],
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

  it('names an option that it does not know', async () => {
    const ran = await runCli(['migrate', '--databse=mysql://root:S3cret@127.0.0.1/shop']);
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toContain("Unknown option '--databse'");
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
    'postgres://root:S3cret@127.0.0.1/shop',
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
    expectRefused(ran);
    expect(ran.stderr).toContain(`ECONNREFUSED 127.0.0.1:${port}`);
    expect(ran.stderr).not.toContain('S3cret');
  });

  it('says which SQLite file it could not open', async () => {
    const ran = await runCli(['migrate', '--database', 'sqlite:none.mjs/all.sqlite']);
    expectRefused(ran);
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
      expectRefused(ran);
      expect(ran.stderr).toMatch(/version 99.*Update the package/);
    });
  });
});
