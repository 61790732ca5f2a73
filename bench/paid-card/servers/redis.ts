import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { executablesNamed } from '../../../test/servers/find-binary.mjs';
import { freePort } from '../../../test/servers/ports.mjs';
import { run } from '../../../test/servers/run.mjs';
import type { RunningServer } from './kinds.js';
import { pidIn, serverFolder, startIn } from './start.js';
import { librariesOf, unpackedPackage } from '../../../test/servers/unpacked-package.mjs';

/** What is acknowledged is on disk, as with the databases: `everysec`, which most people run, may lose a second. */
const SETTINGS = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  save: '',
  'maxmemory-policy': 'noeviction',
};

export async function startRedis(): Promise<RunningServer> {
  const { binary, env } = await findRedis();
  const folder = await serverFolder('redis');
  const port = await freePort();
  const pidFile = join(folder, 'redis.pid');
  const flags = Object.entries(SETTINGS).flatMap(([name, value]) => [`--${name}`, value]);
  const kept = await startIn(
    folder,
    [
      [
        ...[binary, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
        ...['--pidfile', pidFile, '--daemonize', 'no', ...flags],
      ],
    ],
    { env, answers: () => isOpen(port) },
  );
  return {
    kind: 'redis',
    url: `redis://127.0.0.1:${port}/`,
    version: (await run(binary, ['--version'], { env })).trim(),
    settings: Object.entries(SETTINGS)
      .map(([name, value]) => `${name} ${value || "''"}`)
      .join(', '),
    pid: await pidIn(pidFile),
    stop: () => kept.stop(),
  };
}

async function findRedis(): Promise<{ binary: string; env: NodeJS.ProcessEnv }> {
  const [installed] = await executablesNamed(['redis-server']);
  if (installed) return { binary: installed, env: {} };
  const tree = await unpackedPackage('redis-server');
  return { binary: join(tree, 'usr/bin/redis-server'), env: { LD_LIBRARY_PATH: await librariesOf(tree) } };
}

async function isOpen(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect').finally(() => socket.destroy());
}
