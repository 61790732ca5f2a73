import { Client } from 'pg';
import { DurableServer } from '../../campaigns/servers/durable-server.js';

// Property: a PostgreSQL that is killed is gone with all of its processes, whatever they are about, and comes back with what
// it has acknowledged. Those that were left would finish their statements, and keep the next server from starting.

const MINUTE = 60_000;

if (process.env.MQ_TEST_POSTGRES_URL) {
  describe('a PostgreSQL of its own that is killed', () => {
    let server: DurableServer;
    let clients: Client[];

    beforeAll(async () => {
      server = await DurableServer.start('postgres', 1, []);
      clients = [];
    }, 5 * MINUTE);
    afterAll(async () => {
      for (const client of clients) await client.end();
      await server.close();
    });

    async function connect(): Promise<Client> {
      const client = new Client({ connectionString: server.url });
      client.on('error', () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    }

    it(
      'comes back although one of its processes was in the middle of a statement, and knows what it has acknowledged',
      async () => {
        const [first, busy] = [await connect(), await connect()];
        await first.query('CREATE TABLE acknowledged (id INT)');
        await first.query('INSERT INTO acknowledged VALUES (1)');
        const cutOff = expect(
          busy.query('INSERT INTO acknowledged SELECT 2 FROM pg_sleep(300)'),
        ).rejects.toThrow();
        await server.kill();
        await cutOff;
        expect(await server.comeBack()).toBe(false);
        const { rows } = await (await connect()).query('SELECT id FROM acknowledged');
        expect(rows).toEqual([{ id: 1 }]);
      },
      2 * MINUTE,
    );
  });
} else {
  it.skip('needs a PostgreSQL: none was asked for', () => undefined);
}
