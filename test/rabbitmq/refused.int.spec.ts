import { BrokerRefusedError } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { logLines } from '../support/log-lines.js';
import { type TestRabbitmq, createRabbitmq, describeRabbitmq } from '../support/rabbitmq.js';
import { outboxSize } from '../support/tables.js';

// Property: a RabbitMQ that does not let a process in is told from one that is away.

describeRabbitmq('a RabbitMQ that does not let the process in', () => {
  let database: TestDatabase;
  let rabbitmq: TestRabbitmq;
  let log: string[];

  beforeEach(async () => {
    log = logLines();
    database = await createDatabase('sqlite');
    rabbitmq = createRabbitmq();
  });

  afterEach(async () => {
    await database.drop();
    jest.restoreAllMocks();
  });

  const start = (change: (url: URL) => void): Promise<TestApp> => {
    const url = new URL(rabbitmq.url);
    change(url);
    return startApp(database, {
      entities: [],
      providers: [],
      options: { broker: rabbitmq.broker({ url: url.href }) },
    });
  };

  it('because the password is wrong keeps the app from starting, and the error names what to look at, and no password', async () => {
    const starting = start((url) => (url.password = 'a-wrong-one'));
    const error: Error = await starting.then(
      () => new Error('it started'),
      (refused: Error) => refused,
    );
    expect(error).toBeInstanceOf(BrokerRefusedError);
    expect(error.message).toMatch(
      /rabbitmq:\/\/.*does not let this process in: .*ACCESS_REFUSED.*Check the user and the password of url/,
    );
    expect(error.message).not.toContain('a-wrong-one');
  });

  it('because there is no such virtual host is waited for, and a line in the log says why', async () => {
    const app = await start((url) => (url.pathname = '/nowhere'));
    try {
      expect(
        log.filter((line) =>
          /nowhere can't be reached for now: .*it did not open the virtual host/.test(line),
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
