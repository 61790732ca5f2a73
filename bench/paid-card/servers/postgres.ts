import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aptInstall } from '../../../test/servers/apt.mjs';
import { freePort } from '../../../test/servers/ports.mjs';
import { run } from '../../../test/servers/run.mjs';
import { isRoot } from '../../../test/servers/user.mjs';
import type { RunningServer } from './kinds.js';
import { pidIn, serverFolder, startIn } from './start.js';

/** Memory as the other servers have it; what keeps a commit safe is as it comes, and is said all the same. */
const SETTINGS = {
  shared_buffers: '1GB',
  max_wal_size: '1GB',
  max_connections: '300',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  jit: 'off',
};
const VERSIONS = '/usr/lib/postgresql';
/** Any user but root, whom it refuses; Debian's nobody. */
const NOBODY = '65534';

export async function startPostgres(log: (line: string) => void): Promise<RunningServer> {
  const bin = await binaries().catch(async () => {
    // The package that makes a cluster and a service is `postgresql-common`'s doing; this one has no more than files.
    await aptInstall(['postgresql'], log);
    return binaries();
  });
  const folder = await serverFolder('postgres');
  const data = join(folder, 'data');
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, `${password}\n`);
  const asUser = isRoot() ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
  if (isRoot()) await run('chown', ['-R', NOBODY, folder]);
  const port = await freePort();
  const flags = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const kept = await startIn(
    folder,
    [
      [
        ...[...asUser, join(bin, 'initdb'), '-D', data, '-U', 'postgres', '-A', 'scram-sha-256'],
        ...['--pwfile', passwordFile, '-E', 'UTF8', '--locale=C.UTF-8'],
      ],
      [
        ...[...asUser, join(bin, 'postgres'), '-D', data, '-p', String(port)],
        ...['-k', folder, '-c', 'listen_addresses=127.0.0.1', ...flags],
      ],
    ],
    { answers: () => run(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]) },
  );
  return {
    kind: 'postgres',
    url: `postgresql://postgres:${password}@127.0.0.1:${port}/`,
    version: (await run(join(bin, 'postgres'), ['--version'])).trim(),
    settings: Object.entries(SETTINGS)
      .map(([name, value]) => `${name}=${value}`)
      .join(', '),
    pid: await pidIn(join(data, 'postmaster.pid')),
    stop: () => kept.stop(),
  };
}

/** Of the newest version that is installed. */
async function binaries(): Promise<string> {
  const versions = (await readdir(VERSIONS)).map(Number).filter(Boolean);
  if (versions.length === 0) throw new Error(`nothing in ${VERSIONS}`);
  return join(VERSIONS, String(Math.max(...versions)), 'bin');
}
