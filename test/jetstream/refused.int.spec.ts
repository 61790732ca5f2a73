import { BrokerRefusedError } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { createJetstream, describeJetstream } from '../support/jetstream.js';
import { logLines } from '../support/log-lines.js';
import { OwnJetstream } from '../support/own-jetstream.js';
import { outboxSize } from '../support/tables.js';

// Property: a NATS server that does not let a process in, or has no JetStream for it, is told from one that is away.

const ACCOUNTS = `accounts {
  SHOP { jetstream: enabled, users: [{ user: shop, password: right }] }
  BARE { users: [{ user: bare, password: right }] }
}`;

describeJetstream('a NATS server with accounts', () => {
  let server: OwnJetstream;
  let database: TestDatabase;
  let log: string[];

  beforeAll(async () => {
    server = await OwnJetstream.start([ACCOUNTS]);
  }, 120_000);

  afterAll(() => server.close());

  beforeEach(async () => {
    log = logLines();
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await database.drop();
    jest.restoreAllMocks();
  });

  const startAs = (user: string, password: string): Promise<TestApp> => {
    const url = new URL(server.url);
    url.username = user;
    url.password = password;
    return startApp(database, {
      entities: [],
      providers: [],
      options: { broker: createJetstream(url.href).broker() },
    });
  };

  it('takes who is known there', async () => {
    const app = await startAs('shop', 'right');
    expect(log.filter((line) => /can't be reached/.test(line))).toEqual([]);
    await app.close();
  });

  it('keeps an app with a wrong password from starting, and the error names what to look at, and no password', async () => {
    const error: Error = await startAs('shop', 'a-wrong-one').then(
      () => new Error('it started'),
      (refused: Error) => refused,
    );
    expect(error).toBeInstanceOf(BrokerRefusedError);
    expect(error.message).toMatch(
      /nats:\/\/.*does not let this process in: .*Check the user and the password of url/,
    );
    expect(error.message).not.toContain('a-wrong-one');
  });

  it('without JetStream for the account is waited for, and a line in the log says why', async () => {
    const app = await startAs('bare', 'right');
    try {
      expect(
        log.filter((line) =>
          /can't be reached for now: .*JetStream is not enabled: start the server with -js/.test(line),
        ),
      ).toHaveLength(1);
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
      await app.events('relay-error');
      expect(await outboxSize(app.dataSource)).toBe(1);
    } finally {
      await app.close();
    }
  });
});
