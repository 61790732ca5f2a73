import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DataSource } from 'typeorm';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';

const repository = resolve(__dirname, '../..');
const COPIED = ['ormconfig.ts', 'package.json', 'tsconfig.json', 'src'];

/** A copy, because the file that ormconfig.ts names for SQLite is created where the command runs. */
describe.each(engines)("TypeORM's own command with ormconfig.ts, on %s", (engine) => {
  let folder: string;
  let database: TestDatabase;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mq-typeorm-'));
    for (const part of COPIED) cpSync(join(repository, part), join(folder, part), { recursive: true });
    symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
    database = await emptyDatabase(engine);
  });

  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await database.drop();
  });

  function typeorm(...args: string[]): string {
    return execFileSync('npm', ['run', '--silent', 'typeorm', '--', ...args], {
      cwd: folder,
      env: { ...process.env, ...urlVariable(database) },
      encoding: 'utf8',
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async function tables(): Promise<string[]> {
    const file = join(folder, 'idempotent-mq.sqlite');
    const options = engine === 'sqlite' ? { ...database.options, database: file } : database.options;
    const dataSource = await new DataSource(options as typeof database.options).initialize();
    const rows = await dataSource.query<{ name: string }[]>(
      engine === 'sqlite'
        ? "SELECT name FROM sqlite_master WHERE type = 'table'"
        : `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${engine === 'postgres' ? 'current_schema()' : 'DATABASE()'}`,
    );
    await dataSource.destroy();
    return rows.map(({ name }) => name).filter((name) => name.startsWith('mq_'));
  }

  it('runs the migrations, sees nothing to synchronize, and reverts them', async () => {
    expect(typeorm('migration:show')).toContain('[ ] IdempotentMqTables');
    expect(typeorm('migration:run')).toContain('has been executed successfully');
    expect((await tables()).sort()).toEqual(
      expect.arrayContaining(['mq_dedup', 'mq_delivery', 'mq_message']),
    );
    expect(typeorm('migration:show')).toMatch(/\[X\].*IdempotentMqTables/);
    expect(typeorm('schema:log')).toContain('Your schema is up to date');
    expect(typeorm('migration:revert')).toContain('has been reverted successfully');
    expect(await tables()).toEqual([]);
  }, 180_000);
});

function urlVariable({ engine, options }: TestDatabase): Record<string, string> {
  if (engine === 'sqlite') return {};
  const { host, port, username, password, database } = options as unknown as Record<string, string>;
  const url = new URL(`${engine}://${host}:${port}/${database}`);
  url.username = username!;
  url.password = password!;
  return { IDEMPOTENT_MQ_DATABASE: url.href };
}
