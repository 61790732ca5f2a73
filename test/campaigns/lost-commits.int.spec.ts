import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import type { CommitFault } from '../../campaigns/proxy/commit-faults.js';
import { CommitFaults } from '../../campaigns/proxy/commit-faults.js';
import { CommitSight } from '../../campaigns/proxy/commit-sight.js';
import { Way } from '../../campaigns/proxy/way.js';
import { Seeded } from '../../campaigns/seeded.js';
import { DONE, QUERY, STARTUP } from './wire-messages.js';

// Property: the loss of a COMMIT counts when it has happened on the wire, and not where something else was quicker.

/** Who decides for one kind, at the first COMMIT. */
function losing(kind: CommitFault): CommitFaults {
  for (let seed = 0; ; seed++) {
    const losses = new CommitFaults(1, 1, new Seeded(`${seed}`));
    losses.active = true;
    if (losses.decide('publish')?.kind !== kind) continue;
    const again = new CommitFaults(1, 1, new Seeded(`${seed}`));
    again.active = true;
    return again;
  }
}

describe.each(['mysql', 'postgres'] as const)('a COMMIT that is lost on %s', (engine) => {
  const command = QUERY[engine];
  let server: Server;
  let way: Way;
  let client: Socket;
  let losses: CommitFaults;
  let upstream: Socket;
  let heard: string;
  let answered: boolean;

  async function commit(kind: CommitFault): Promise<void> {
    losses = losing(kind);
    heard = '';
    answered = false;
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    way = await Way.open(engine, { host: '127.0.0.1', port }, { sight: new CommitSight(losses) });
    const connected = once(server, 'connection') as Promise<[Socket]>;
    client = connect(way.port, '127.0.0.1');
    client.on('error', () => undefined);
    client.on('data', () => (answered = true));
    [upstream] = await connected;
    upstream.on('error', () => undefined);
    const hears = (text: string) =>
      new Promise<void>((resolve) => {
        const look = (chunk: Buffer) => {
          heard += chunk.toString('latin1');
          if (heard.includes(text) || upstream.destroyed) resolve();
        };
        upstream.on('data', look);
        upstream.once('close', () => resolve());
      });
    const insert = hears('INSERT');
    if (engine === 'postgres') client.write(STARTUP);
    client.write(command('INSERT INTO payment VALUES (1)'));
    await insert;
    const commits = hears('COMMIT');
    client.write(command('COMMIT'));
    await commits;
  }

  afterEach(() => {
    client.destroy();
    upstream.destroy();
    way.close();
    server.close();
  });

  it.each(['answer-lost', 'answer-swallowed'] as const)(
    '%s: counts when the answer is dropped',
    async (kind) => {
      await commit(kind);
      expect(heard).toContain('COMMIT');
      expect(losses.faults.total).toBe(0);
      const gone = kind === 'answer-lost' ? once(client, 'close') : undefined;
      const dropped = once(upstream, 'close');
      upstream.write(DONE[engine]);
      upstream.end();
      await Promise.all([gone, dropped]);
      expect(losses.faults.happened(`publish ${kind}`)).toBe(1);
      expect(answered).toBe(false);
    },
  );

  it.each(['answer-lost', 'answer-swallowed'] as const)(
    '%s: does not count where the server went before it answered, and another COMMIT has it',
    async (kind) => {
      await commit(kind);
      const gone = once(client, 'close');
      upstream.destroy();
      await gone;
      expect(losses.faults.total).toBe(0);
      const again = Array.from({ length: 200 }, () => losses.decide('publish')?.kind);
      expect(again).toContain(kind);
    },
  );

  it('command-lost: the server never hears of it, and it counts at once', async () => {
    await commit('command-lost');
    expect(heard).not.toContain('COMMIT');
    expect(losses.faults.happened('publish command-lost')).toBe(1);
  });
});
