import { once } from 'node:events';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { runCli, urlOf } from './support/run-cli.js';

// Property: a service that can't serve says why, and ends.

describe.each(engines)('serve, with its messages on %s', (engine) => {
  let database: TestDatabase;
  let other: Server;

  beforeEach(async () => {
    database = await createDatabase(engine);
    other = createServer();
    await once(other.listen(0, '127.0.0.1'), 'listening');
  });

  afterEach(async () => {
    await once(other.close(), 'close');
    await database.drop();
  });

  it('ends, with a word of why, where its port is taken', async () => {
    const { port } = other.address() as AddressInfo;
    const args = ['--database', urlOf(database), '--port', String(port), '--durability', 'warn'];
    const { code, stderr } = await runCli(['serve', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(`can't listen on port ${port} of 127.0.0.1 (option listen)`);
    expect(stderr).toMatch(/EADDRINUSE/);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
