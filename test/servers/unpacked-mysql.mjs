import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { unpackFromSid } from './apt-unpack.mjs';
import { run } from './run.mjs';

/** Debian's stable releases have no MySQL; sid has. */
const PACKAGE = 'mysql-server-core';
const AN_HOUR_MS = 3_600_000;

/**
 * @typedef {object} UnpackedMysql
 * @property {string[]} command  starts mysqld through the loader that came with it; arguments may follow
 * @property {string[]} flags    where mysqld finds the files that came with it
 * @property {boolean} fresh     whether it was downloaded just now
 */

/** @returns {string} the folder that holds the tree from one run to the next; safe to delete */
export function mysqlCacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nestjs-idempotent-mq', 'mysql');
}

/**
 * A MySQL server that lives beside the system: kept from an earlier run, or else unpacked from sid.
 *
 * @param {import('./engines.mjs').Context} context
 * @returns {Promise<UnpackedMysql>}
 */
export async function unpackedMysql(context) {
  const cached = join(mysqlCacheFolder(), 'tree');
  const kept = await usable(cached).catch(() => undefined);
  if (kept) return { ...kept, fresh: false };
  await forgetUnpackedMysql();
  await fetchInto(cached, context);
  return { ...(await usable(cached)), fresh: true };
}

export async function forgetUnpackedMysql() {
  await rm(join(mysqlCacheFolder(), 'tree'), { recursive: true, force: true });
}

/**
 * The tree gets its name by one rename when it is complete, so that neither an interrupted run nor one at
 * the same time leaves half of it to be used.
 *
 * @param {string} cached
 * @param {import('./engines.mjs').Context} context
 */
async function fetchInto(cached, context) {
  const folder = mysqlCacheFolder();
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  const incoming = await mkdtemp(join(folder, 'incoming-'));
  try {
    const tree = await unpackFromSid(PACKAGE, incoming, context);
    await usable(tree);
    await rename(tree, cached).catch(async (error) => {
      const anotherRunWasFaster = await usable(cached).catch(() => undefined);
      if (!anotherRunWasFaster) throw error;
    });
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

/**
 * What a killed run left. An hour old: a younger one may be another run's at work.
 *
 * @param {string} folder
 */
async function removeLeftovers(folder) {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!name.startsWith('incoming-')) continue;
    const since = await stat(path).then((stats) => stats.mtimeMs, Date.now);
    if (Date.now() - since > AN_HOUR_MS) await rm(path, { recursive: true, force: true });
  }
}

/**
 * @param {string} tree
 * @returns {Promise<Omit<UnpackedMysql, 'fresh'>>}
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
