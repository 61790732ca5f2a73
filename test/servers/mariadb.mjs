import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { aptInstall } from './apt.mjs';
import { bringUp } from './bring-up.mjs';
import { startInContainer } from './container.mjs';
import { executablesNamed, findServerBinary } from './find-binary.mjs';
import { commonFlags, userFlag } from './flags.mjs';

/**
 * Without the packages that make a system service of it: those would start a server on the usual port.
 * The client package holds a program that mariadb-install-db calls.
 */
const PACKAGES = ['mariadb-server-core', 'mariadb-client-core'];

/** @type {import('./engines.mjs').Way[]} */
export const mariadbWays = [
  { name: 'installed binary', start: startInstalled },
  {
    name: "Debian's packages",
    start: async (context) => {
      await aptInstall(PACKAGES, context.log);
      return startInstalled(context);
    },
  },
  { name: 'container', start: (context) => startInContainer('mariadb', context) },
];

/** @param {import('./engines.mjs').Context} context */
async function startInstalled(context) {
  const binary = await findServerBinary('mariadb');
  const installer = await findInstaller(binary);
  return bringUp(
    'mariadb',
    (place) => ({
      commands: [
        [
          ...[installer, '--no-defaults', ...userFlag(), `--datadir=${place.data}`],
          ...['--auth-root-authentication-method=socket', '--skip-test-db', '--skip-name-resolve'],
        ],
        [binary, '--no-defaults', ...commonFlags(place)],
      ],
    }),
    context,
  );
}

/**
 * The script that makes the system tables: the one of the server's own installation, if there are several.
 *
 * @param {string} binary
 */
async function findInstaller(binary) {
  const base = dirname(dirname(await realpath(binary)));
  const installers = await executablesNamed(['mariadb-install-db', 'mysql_install_db']);
  const own = ['bin', 'scripts', 'sbin'].map((folder) => join(base, folder));
  const installer = installers.find((path) => own.includes(dirname(path))) ?? installers[0];
  if (!installer) throw new Error(`${binary} is there, but mariadb-install-db is not`);
  return installer;
}
