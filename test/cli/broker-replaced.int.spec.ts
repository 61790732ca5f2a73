import { connect } from '../schema/support/tables-of.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { runCli, urlOf } from './support/run-cli.js';

describe.each(engines)('nestjs-idempotent-mq broker-replaced on %s', (engine) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await emptyDatabase(engine);
  });

  afterEach(() => database.drop());

  it('makes the outbox send to the next broker, and says whose it is', async () => {
    await runCli(['migrate', '--database', urlOf(database)]);
    const dataSource = await connect(database);
    await dataSource.query('UPDATE mq_outbox_origin SET broker = origin, claims = 7');
    const { code, stdout, stderr } = await runCli(['broker-replaced', '--database', urlOf(database)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`${String(database.options.database).split('/').at(-1)}`);
    const [{ broker, claims }] = await dataSource.query('SELECT broker, claims FROM mq_outbox_origin');
    expect([broker, Number(claims)]).toEqual([null, 7]);
    await dataSource.destroy();
  });

  it.each(['broker-replaced', 'outbox-restored'])('says so where %s finds no tables', async (command) => {
    const dataSource = await connect(database);
    await dataSource.destroy();
    const { code, stderr } = await runCli([command, '--database', urlOf(database)]);
    expect(code).toBe(1);
    expect(stderr).toContain('Run the migrations');
  });

  it.each(['broker-replaced', 'outbox-restored'])(
    'makes no SQLite file where %s finds none',
    async (command) => {
      const { code, stderr } = await runCli([command, '--database', 'sqlite:no-such.sqlite']);
      expect(code).toBe(1);
      expect(stderr).toMatch(/There is no file \/.*no-such\.sqlite/);
      expect(await runCli([command, '--database', 'sqlite:no-such.sqlite'])).toMatchObject({ stderr });
    },
  );

  it('refuses a flag that is given twice: only one of them would count', async () => {
    const twice = ['--database', urlOf(database), '--database', 'sqlite:other.sqlite'];
    const { code, stderr } = await runCli(['migrate', ...twice]);
    expect(code).toBe(2);
    expect(stderr).toContain('--database is given more than once: run the command once for each.');
  });
});
