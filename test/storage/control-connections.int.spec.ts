import type { DataSource } from 'typeorm';
import { type LibraryConnections, databaseOf, openBrokerConnections } from '../../src/storage/index.js';
import { connect } from '../schema/support/tables-of.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';

// Property: whoever needs a connection of the library's own, and gets none, hears of it in time and leaves nothing behind.

const TIMEOUT_MS = 300;
const COUNT = 2;

describeOnServers('the connections for claims, ACKs and renewals on %s', (engine) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let connections: LibraryConnections;

  beforeEach(async () => {
    database = await createDatabase(engine);
    dataSource = await connect(database);
    connections = await openBrokerConnections(dataSource, databaseOf(dataSource), {
      scopeConnections: 1,
      controlConnections: COUNT,
      statementTimeoutMs: TIMEOUT_MS,
      writeWaitMs: TIMEOUT_MS,
      idleTimeoutSeconds: 60,
    });
  });

  afterEach(async () => {
    await connections.close();
    await dataSource.destroy();
    await database.drop();
  });

  const id = () => connections.control((on) => on.query('SELECT CONNECTION_ID() AS id', [], true));

  it('are waited for as long as a statement may take, and no longer; then they work as before', async () => {
    let letGo!: () => void;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const holders = Array.from({ length: COUNT }, () => connections.control(() => held));
    for (let i = 0; i < 2 * COUNT; i++) {
      await expect(id()).rejects.toMatchObject({
        code: 'STATEMENT_TIMEOUT',
        message: expect.stringContaining('Waiting for a connection took longer than 300 ms'),
      });
    }
    letGo();
    await Promise.all(holders);
    // All of them came to those who had given up, and must have come back.
    await Promise.all(Array.from({ length: 2 * COUNT }, id));
  });
});
