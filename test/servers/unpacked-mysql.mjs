import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.mjs';
import { forgetUnpacked, unpackedFromSid } from './unpacked-from-sid.mjs';

/** Debian's stable releases have no MySQL; sid has. */
const MYSQL = { name: 'mysql', package: 'mysql-server-core', usable };

/**
 * @typedef {object} UnpackedMysql
 * @property {string[]} command  starts mysqld through the loader that came with it; arguments may follow
 * @property {string[]} flags    where mysqld finds the files that came with it
 */

/** @param {import('./engines.mjs').Context} context */
export function unpackedMysql(context) {
  return unpackedFromSid(MYSQL, context);
}

export async function forgetUnpackedMysql() {
  await forgetUnpacked(MYSQL.name);
}

/**
 * @param {string} tree
 * @returns {Promise<UnpackedMysql>}
 */
async function usable(tree) {
  const libraries = join(tree, 'usr', 'lib');
  const loader = await findLoader(libraries);
  const command = [loader, '--library-path', join(loader, '..'), join(tree, 'usr/sbin/mysqld')];
  await run(/** @type {string} */ (command[0]), [...command.slice(1), '--no-defaults', '--version']);
  return {
    command,
    flags: [
      `--basedir=${join(tree, 'usr')}`,
      `--plugin-dir=${join(libraries, 'mysql/plugin')}`,
      `--lc-messages-dir=${join(tree, 'usr/share/mysql')}`,
      `--character-sets-dir=${join(tree, 'usr/share/mysql/charsets')}`,
    ],
  };
}

/**
 * usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2, or its like on another architecture.
 *
 * @param {string} libraries
 */
async function findLoader(libraries) {
  for (const name of await readdir(libraries)) {
    if (!name.includes('-linux-')) continue;
    const loader = (await readdir(join(libraries, name))).find((file) => /^ld-linux.*\.so\.\d+$/.test(file));
    if (loader) return join(libraries, name, loader);
  }
  throw new Error(`no dynamic loader below ${libraries}`);
}
