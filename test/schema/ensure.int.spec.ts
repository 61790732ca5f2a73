import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { bundle } from '../support/bundle.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { startEnsuring } from './support/start-ensuring.js';
import { connect, count, definitionsOf, tableNamesOf, tablesWith } from './support/tables-of.js';

/** Three processes that load all of Nest and TypeORM, on a machine that has other things to do. */
const LOADING_MS = 180_000;
const SCRIPT = join(__dirname, 'fixtures/ensuring-process.ts');

async function ensuringProcess(database: TestDatabase, id: string): Promise<ChildProcess> {
  const child = fork(await bundle(SCRIPT), [JSON.stringify(database.options), id], { execArgv: [] });
  await said(child);
  return child;
}

async function said(child: ChildProcess): Promise<unknown> {
  const died = once(child, 'exit').then(([code]) => Promise.reject(new Error(`exited with ${code}`)));
  const answer = await Promise.race([once(child, 'message'), died]);
  died.catch(() => undefined);
  return answer[0];
}

describe.each(engines)("starts with schema: 'ensure' on %s", (engine) => {
  let database: TestDatabase;
  let children: ChildProcess[] = [];

  const expectCreatedOnce = async (starts: number) => {
    const dataSource = await connect(database);
    expect(await tableNamesOf(dataSource)).toEqual(tablesWith('mq_'));
    expect(await count(dataSource, 'mq_schema_version')).toBe(1);
    // Each start has published one message.
    expect(await count(dataSource, 'mq_parked')).toBe(starts);
    expect(await count(dataSource, 'mq_topic')).toBe(1);
    await dataSource.destroy();
  };

  beforeEach(async () => {
    database = await emptyDatabase(engine);
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await database.drop();
  });

  it('all succeed when there are eight at once in a process, and one creates the tables', async () => {
    const ids = Array.from({ length: 8 }, (_, i) => `start-${i}`);
    const versions = await Promise.all(ids.map((id) => startEnsuring(database.options, id)));
    expect(versions.sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
    await expectCreatedOnce(8);
  });

  it(
    'all succeed when there are three processes at once, and one creates the tables',
    async () => {
      children = await Promise.all(['a', 'b', 'c'].map((id) => ensuringProcess(database, id)));
      const answers = children.map((child) => said(child));
      for (const child of children) child.send('go on');
      const versions = (await Promise.all(answers)).map(
        (answer) => (answer as { versions: number }).versions,
      );
      expect(versions.sort()).toEqual([0, 0, 1]);
      await expectCreatedOnce(3);
    },
    LOADING_MS,
  );

  it('leave the tables of an earlier start as they are', async () => {
    expect(await startEnsuring(database.options, 'first')).toBe(1);
    const dataSource = await connect(database);
    const before = await definitionsOf(dataSource);
    expect(await startEnsuring(database.options, 'second')).toBe(0);
    expect(await definitionsOf(dataSource)).toEqual(before);
    await dataSource.destroy();
    await expectCreatedOnce(2);
  });
});
