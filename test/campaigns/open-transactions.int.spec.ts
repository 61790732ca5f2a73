import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { transactionsOver } from '../../campaigns/databases/open-transactions.js';
import { type Pair, createPair } from '../../campaigns/databases/pair.js';
import type { Raw, ServerOptions } from '../../campaigns/databases/raw.js';
import { engines } from '../support/engines.js';

// Property: nobody looks at the effects while a transaction that may have one is open, and nobody waits for transactions that
// began later, or for those of others.

const URLS = {
  mariadb: process.env.MQ_TEST_MARIADB_URL?.replace(/^mysql:/, 'mariadb:'),
  mysql: process.env.MQ_TEST_MYSQL_URL,
  postgres: process.env.MQ_TEST_POSTGRES_URL,
};
const servers = (['mariadb', 'mysql', 'postgres'] as const).filter((engine) => engines.includes(engine));

interface Session {
  query(sql: string): Promise<unknown>;
  end(): Promise<unknown>;
}

async function connectToPostgres(at: ConstructorParameters<typeof Client>[0]): Promise<Client> {
  const client = new Client(at);
  await client.connect();
  return client;
}

/** Tells when somebody has looked into both databases. */
function watch({ rawBusiness, rawBroker, ...rest }: Pair): { watched: Pair; looked: Promise<unknown> } {
  const looks: Promise<void>[] = [];
  const watching = (raw: Raw): Raw => {
    let saw!: () => void;
    looks.push(new Promise((resolve) => (saw = resolve)));
    const query = async (sql: string, values?: unknown[]) => raw.query(sql, values).finally(saw);
    return { query, close: () => raw.close() };
  };
  const watched = { ...rest, rawBusiness: watching(rawBusiness), rawBroker: watching(rawBroker) };
  return { watched, looked: Promise.all(looks) };
}

if (servers.length > 0) {
  describe.each(servers)('on %s', (engine) => {
    let pair: Pair;
    let open: Session[];

    beforeAll(async () => {
      pair = await createPair({ business: URLS[engine], broker: URLS[engine] }, 2);
    }, 60_000);
    afterAll(() => pair.drop());
    beforeEach(() => void (open = []));
    afterEach(() => Promise.all(open.map((connection) => connection.end())));

    async function begin(database: Pair['business'], sql: string): Promise<Session> {
      const { host, port, username: user, password, database: name } = database.options as ServerOptions;
      const at = { host, port, user, password, database: name! };
      const connection: Session =
        engine === 'postgres' ? await connectToPostgres(at) : await createConnection(at);
      open.push(connection);
      await connection.query('START TRANSACTION');
      await connection.query(sql);
      return connection;
    }

    it('nothing is waited for where nothing is open', async () => {
      expect(await transactionsOver(pair)).toEqual([]);
    });

    it.each(['business', 'broker'] as const)(
      'a transaction in the database of the %s is waited for until it ends',
      async (which) => {
        const table = which === 'business' ? 'own_dedup' : 'killing';
        const insert = {
          business: `INSERT INTO own_dedup VALUES ('g', 'P-1')`,
          broker: `INSERT INTO killing (process) VALUES ('p')`,
        }[which];
        const zombie = await begin(pair[which], insert);
        const raw = which === 'business' ? pair.rawBusiness : pair.rawBroker;
        const { watched, looked } = watch(pair);
        let rows: unknown[] | undefined;
        const over = transactionsOver(watched).then(async (left) => {
          rows = await raw.query(`SELECT * FROM ${table}`);
          return left;
        });
        await looked;
        await begin(pair.business, 'SELECT COUNT(*) FROM payment');
        expect(rows).toBeUndefined();
        await zombie.query('COMMIT');
        expect(await over).toEqual([]);
        expect(rows).toHaveLength(1);
      },
    );
  });
} else {
  it.skip('needs a server: neither a MariaDB nor a MySQL nor a PostgreSQL is there', () => undefined);
}

it('on SQLite none outlives its process, and nobody is waited for', async () => {
  const pair = await createPair({ business: undefined, broker: undefined }, 1);
  expect(await transactionsOver(pair)).toEqual([]);
  await pair.drop();
});
