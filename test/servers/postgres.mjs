import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { aptInstall } from './apt.mjs';
import { bringUp } from './bring-up.mjs';
import { isRoot } from './user.mjs';

/** Where Debian has each version that is installed. */
const VERSIONS = '/usr/lib/postgresql';
/** Any user but root, whom it refuses: Debian's nobody. */
const NOBODY = '65534';
const SETTINGS = { shared_buffers: '128MB', max_connections: '500', fsync: 'on', synchronous_commit: 'on' };

/** @type {import('./engines.mjs').Way[]} */
export const postgresWays = [
  { name: 'installed binary', start: startInstalled },
  {
    name: "Debian's packages",
    start: async (context) => {
      // The package that makes a cluster and a service of it is another one.
      await aptInstall(['postgresql'], context.log);
      return startInstalled(context);
    },
  },
];

/** @param {import('./engines.mjs').Context} context */
async function startInstalled(context) {
  const bin = await newestBinaries();
  const asUser = isRoot() ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
  return bringUp(
    'postgres',
    ({ data, socket, passwordFile, password, port }) => {
      const folder = dirname(data);
      return {
        commands: [
          ...(isRoot() ? [['chown', '-R', `${NOBODY}:${NOBODY}`, folder]] : []),
          [
            ...[...asUser, join(bin, 'initdb'), '-D', data, '-U', 'postgres', '-A', 'scram-sha-256'],
            ...['--pwfile', passwordFile, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
          ],
          [
            ...[...asUser, join(bin, 'postgres'), '-D', data, '-p', String(port), '-k', dirname(socket)],
            ...['-c', 'listen_addresses=127.0.0.1'],
            ...Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
          ],
        ],
        url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      };
    },
    context,
  );
}

/** @returns {Promise<string>} their folder */
async function newestBinaries() {
  const versions = (await readdir(VERSIONS).catch(() => [])).map(Number).filter(Boolean);
  if (versions.length === 0) throw new Error(`no PostgreSQL in ${VERSIONS}`);
  return join(VERSIONS, String(Math.max(...versions)), 'bin');
}
