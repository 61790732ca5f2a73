import { existsSync, readFileSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { migrate } from '../../src/storage/index.js';
import { type TestDatabase, createDatabase, emptyDatabase } from '../support/engines.js';
import { runCli, urlOf } from './support/run-cli.js';

// Property: a command that only looks leaves a SQLite file as it is to the byte, and makes none beside it.

describe('a SQLite file that has no WAL', () => {
  let database: TestDatabase;
  let file: string;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    file = String(database.options.database);
    const dataSource = await new DataSource({ ...database.options, entities: [] }).initialize();
    await migrate(dataSource);
    await dataSource.query('PRAGMA journal_mode = DELETE');
    await dataSource.destroy();
  });

  afterEach(() => database.drop());

  it.each([
    ['status', 0],
    ['find payment.succeeded P-1', 1],
    ['dead-letters list', 0],
    ['dead-letters show 1-1', 1],
    ['quarantine list', 0],
    ['quarantine show 1', 1],
    ['groups list', 0],
    ['audit', 0],
    ['forget --dry-run', 0],
  ])('is the same after %s', async (command, status) => {
    const before = readFileSync(file);
    const { code } = await runCli([...command.split(' '), '--database', urlOf(database)]);
    expect(code).toBe(status);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(existsSync(`${file}-wal`)).toBe(false);
  });
});

// Property: a command that is refused leaves a file that is somebody else's as it is to the byte.

describe("a SQLite file with no tables of the library's", () => {
  let database: TestDatabase;
  let file: string;

  beforeEach(async () => {
    database = await emptyDatabase('sqlite');
    file = String(database.options.database);
    const dataSource = await new DataSource({ ...database.options, entities: [] }).initialize();
    await dataSource.query('CREATE TABLE theirs (id INTEGER)');
    await dataSource.destroy();
  });

  afterEach(() => database.drop());

  it.each([
    'status',
    'dead-letters requeue 1-1',
    'dead-letters purge --group cards --yes',
    'quarantine release 1',
    'groups pause cards',
    'groups remove cards payment.succeeded --yes',
  ])('is the same after %s', async (command) => {
    const before = readFileSync(file);
    const { code, stderr } = await runCli([...command.split(' '), '--database', urlOf(database)]);
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('migrate') as string });
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(existsSync(`${file}-wal`)).toBe(false);
  });
});
