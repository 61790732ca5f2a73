import { access, constants, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { SERVER_ENGINES, engineOfVersion } from './engines.mjs';
import { run } from './run.mjs';

/** Servers are often installed where an ordinary user's PATH doesn't lead. */
const USUAL_FOLDERS = [
  '/usr/sbin',
  '/usr/libexec',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/local/mysql/bin',
  '/usr/local/mariadb/bin',
  '/opt/homebrew/opt/mysql/bin',
  '/opt/homebrew/opt/mariadb/bin',
];

/**
 * The server binary of an engine. The name alone doesn't tell: MariaDB's packages bring a `mysqld` too.
 *
 * @param {import('./engines.mjs').Engine} engine
 * @returns {Promise<string>} its path
 * @throws {Error} saying what was found instead
 */
export async function findServerBinary(engine) {
  const names = engine === 'mariadb' ? ['mariadbd', 'mysqld'] : ['mysqld'];
  /** @type {string[]} */
  const others = [];
  for (const path of await executablesNamed(names)) {
    try {
      const version = await run(path, ['--no-defaults', '--version']);
      if (engineOfVersion(version) === engine) return path;
      others.push(`${path} is ${SERVER_ENGINES[engineOfVersion(version)].label}`);
    } catch (error) {
      others.push(/** @type {Error} */ (error).message);
    }
  }
  const found = others.length > 0 ? ` (${others.join(', ')})` : '';
  throw new Error(`no ${names.join(' or ')} on PATH or in the usual folders${found}`);
}

/**
 * The folders of PATH first, then the usual ones; a file that is there under two names counts once.
 *
 * @param {string[]} names
 * @returns {Promise<string[]>}
 */
export async function executablesNamed(names) {
  const folders = new Set([...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...USUAL_FOLDERS]);
  const paths = names.flatMap((name) => [...folders].map((folder) => join(folder, name)));
  /** @type {Map<string, string>} */
  const byFile = new Map();
  for (const path of paths) {
    const file = await realpath(path).catch(() => undefined);
    const usable =
      file &&
      (await access(file, constants.X_OK).then(
        () => true,
        () => false,
      ));
    if (usable && !byFile.has(file)) byFile.set(file, path);
  }
  return [...byFile.values()];
}
