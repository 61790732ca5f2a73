import { InnerMsgIds } from '../../src/publisher/index.js';
import { databaseOf, insertOutbox } from '../../src/storage/index.js';
import { connect } from '../schema/support/tables-of.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { runCli, urlOf } from './support/run-cli.js';

describe.each(engines)('nestjs-idempotent-mq outbox-restored on %s', (engine) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase(engine);
  });

  afterEach(() => database.drop());

  it('marks what is in the outbox as sent, perhaps, and says how much that is', async () => {
    await runCli(['migrate', '--database', urlOf(database)]);
    const dataSource = await connect(database);
    const row = {
      innerMsgId: InnerMsgIds.ofProcess().next(),
      topic: 'order.placed',
      bizId: Buffer.from('O-1'),
      body: Buffer.from('{}'),
      headers: null,
    };
    const runner = dataSource.createQueryRunner();
    await insertOutbox(databaseOf(dataSource), runner, [row], {});
    await runner.release();
    const { code, stdout, stderr } = await runCli(['outbox-restored', '--database', urlOf(database)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^1 messages in the outbox and 0 scheduled ones keep their inner-msg-ids/);
    const [{ first_sent_at }] = await dataSource.query('SELECT first_sent_at FROM mq_outbox');
    expect(first_sent_at).not.toBeNull();
    await dataSource.destroy();
  });
});
