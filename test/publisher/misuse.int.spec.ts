import { defineTopic } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { NOTHING, publishedRows } from '../topic/support/anything.js';
import { Noted, note, storedBizIds } from './support/published.js';

/** How a publish is called: what it is given is taken as it was then, and what it can't use is named. */

describe.each(engines)('a call of the publisher, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it.each(['in a transaction', 'standalone'])(
    'takes the payload as it was when it was called, %s',
    async (how) => {
      const reused = note('');
      const publishAll = (options: object) =>
        Promise.all(
          ['a', 'b', 'c'].map((id) => {
            reused.id = id;
            return app.outbox.publish(Noted, reused, options);
          }),
        );
      if (how === 'standalone') await publishAll({ standalone: true });
      else await app.dataSource.transaction((manager) => publishAll({ manager }));
      expect((await storedBizIds(app.dataSource)).sort()).toEqual(['a', 'b', 'c']);
    },
  );

  it('takes the biz-id from the body that is sent, not from a getter that JSON leaves out', async () => {
    class Note {
      constructor(private readonly _id: string) {}
      get id() {
        return this._id;
      }
      readonly text = '';
    }
    const publish = app.outbox.publish(Noted, new Note('hidden'), { standalone: true });
    await expect(publish).rejects.toMatchObject({ code: 'BIZ_ID_INVALID' });
    expect(await publishedRows(app)).toEqual(NOTHING);
  });

  it('refuses a manager in place of the options, or under another name, and says how it is passed', async () => {
    await app.dataSource.transaction(async (manager) => {
      await expect(app.outbox.publish(Noted, note('a'), manager as never)).rejects.toThrow(
        'publish(topic, payload, options) must be an object such as { manager }, and an EntityManager came: pass it as { manager }',
      );
      await expect(app.outbox.publish(Noted, note('a'), { transaction: manager } as never)).rejects.toThrow(
        /publish\(\{ transaction \}\) must be left out: it is not an option\. Known are manager, standalone, headers.*\. A transaction's manager is passed as \{ manager \}/,
      );
    });
    expect(await publishedRows(app)).toEqual(NOTHING);
  });

  it.each(['', 'x'.repeat(300), 'a b', '\u0000'])(
    'refuses a topic that was made by hand, named %j',
    async (name) => {
      const topic = { ...Noted, name };
      const publish = app.outbox.publish(topic, note('a'), { standalone: true });
      await expect(publish).rejects.toMatchObject({ code: 'OPTIONS_INVALID', option: 'publish(topic)' });
    },
  );

  it('names publishAll, and which payload it was, in the errors of publishAll', async () => {
    await expect(app.outbox.publishAll(Noted, [note('a')])).rejects.toThrow(
      /^publishAll\(\) joins a transaction.* publishAll\(topic, payloads, \{ manager \}\)/,
    );
    const second = app.outbox.publishAll(Noted, [note('a'), note('')], { standalone: true });
    await expect(second).rejects.toThrow('payloads[1]');
    const unknown = app.outbox.publishAll(Noted, [], { manger: 1 } as never);
    await expect(unknown).rejects.toThrow('publishAll({ manger })');
  });

  it('says how large a payload is that is too large', async () => {
    const Large = defineTopic<{ id: string; text: string }>({ name: 'large', bizId: ({ id }) => id });
    const large = { id: 'a', text: 'x'.repeat(1_500_000) };
    const publish = app.outbox.publish(Large, large, { standalone: true });
    await expect(publish).rejects.toThrow(
      'the payload is 1500020 bytes of JSON, more than the limit of 1048576',
    );
  });

  it('says that the app is closed', async () => {
    const { outbox } = app;
    await app.close();
    const publish = outbox.publish(Noted, note('a'), { standalone: true });
    await expect(publish).rejects.toMatchObject({
      code: 'TRANSACTION_ENDED',
      message: expect.stringContaining('app.close()'),
    });
  });
});
