import { Injectable, type Type } from '@nestjs/common';
import { createConnection } from 'mysql2/promise';
import { AtLeastOnceConsumer, IdempotentConsumer, type IdempotentMqOptions } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { PaymentSucceeded } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';

// Property: pools that are too small for what is to run on them, or too large for the server, are refused when the app
// starts, not when there is most to do.

const WIDE = 24;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(): Promise<void> {}
}

@Injectable()
class WideIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'wide-issuing', concurrency: WIDE })
  async issue(): Promise<void> {}
}

@Injectable()
class WideTexting {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms', concurrency: WIDE - 1 })
  async text(): Promise<never> {
    throw new Error('not called');
  }
}

describeOnServers('the connections of an app, on %s', (engine) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase(engine);
  });

  afterEach(() => database.drop());

  const start = async (
    consumers: IdempotentMqOptions['consumers'],
    providers: Type[] = [CardIssuing],
    dataSource: object = {},
  ) => {
    const app = await startApp(database, { providers, options: { consumers }, dataSource });
    await app.close();
  };

  it('are enough for every consumer that has no concurrency of its own', async () => {
    await start({}, [CardIssuing], { poolSize: 2 });
    await start({ concurrency: WIDE });
    await start({ concurrency: WIDE }, [CardIssuing, WideIssuing, WideTexting], {
      extra: { connectionLimit: 3 },
    });
  });

  it('are refused where a consumer has less of them than handlers that run at a time', async () => {
    await expect(start({ connections: 9 })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(
        /^CardIssuing\.issue \(group card-issuing, .*\) runs up to 10 handlers at a time .*there are 9 .*\(consumers\.connections\)\. Set .*connections: 10 .*concurrency of at most 9.*docs\/operations\.md/,
      ),
    });
    await start({ connections: 10 });
  });

  it('are refused where one consumer wants more than the others, and it is named', async () => {
    const all = [CardIssuing, WideTexting, WideIssuing];
    await expect(start({}, all)).rejects.toThrow(
      new RegExp(`^WideIssuing\\.issue .* up to ${WIDE} handlers .* there are 10 .*connections: ${WIDE} `),
    );
    await start({ connections: WIDE }, all);
  });

  it('are refused where the server takes fewer', async () => {
    const [{ most }] = await onServer<{ most: number }>('SELECT @@max_connections AS most');
    const connections = Math.ceil(Number(most) / 2);
    const needed = 7 + 2 * connections + 5;
    await expect(start({ connections }, [], { poolSize: 7 })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringMatching(
        new RegExp(
          `^max_connections is ${most}, .* may open ${needed} connections: 7 .*${connections} for handlers.*Raise max_connections to ${needed} .*lower consumers\\.connections`,
        ),
      ),
    });
  });

  it('are refused where the server takes fewer of this user', async () => {
    const user = (database.options as { database: string }).database;
    await onServer(`CREATE USER '${user}'@'%' IDENTIFIED BY 'plain' WITH MAX_USER_CONNECTIONS 34`);
    await onServer(`GRANT ALL ON ${user}.* TO '${user}'@'%'`);
    const plain = { username: user, password: 'plain' };
    try {
      await expect(start({}, [CardIssuing], plain)).rejects.toThrow(
        /^max_user_connections is 34, .* may open 35 connections/,
      );
      await start({}, [CardIssuing], { ...plain, poolSize: 9 });
    } finally {
      await onServer(`DROP USER '${user}'@'%'`);
    }
  });

  async function onServer<Row>(statement: string): Promise<[Row]> {
    const { host, port, username, password } = database.options as unknown as Record<string, never>;
    const connection = await createConnection({ host, port, user: username, password });
    try {
      const [rows] = await connection.query(statement);
      return rows as unknown as [Row];
    } finally {
      await connection.end();
    }
  }
});

if (engines.includes('sqlite')) {
  describe('the connections of an app, on sqlite', () => {
    it('have no end, so that the option means nothing', async () => {
      const database = await createDatabase('sqlite');
      const consumers = { connections: 1 };
      const app = await startApp(database, { providers: [WideIssuing], options: { consumers } });
      await app.close();
      await database.drop();
    });
  });
}
