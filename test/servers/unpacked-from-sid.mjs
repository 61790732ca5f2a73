import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { unpackFromSid } from './apt-unpack.mjs';

const AN_HOUR_MS = 3_600_000;

/**
 * A server of Debian's sid that lives beside the system: kept from an earlier run, or else unpacked.
 *
 * @template T
 * @typedef {object} FromSid
 * @property {string} name     of the folder in the cache
 * @property {string} package  which has the server
 * @property {(tree: string) => Promise<T>} usable  how it is started from its tree; rejects where it can't be
 */

/**
 * @template T
 * @param {FromSid<T>} wanted
 * @param {import('./engines.mjs').Context} context
 * @returns {Promise<T & { fresh: boolean }>} fresh: whether it was downloaded just now
 */
export async function unpackedFromSid(wanted, context) {
  const cached = join(cacheFolder(wanted.name), 'tree');
  const kept = await wanted.usable(cached).catch(() => undefined);
  if (kept) return { ...kept, fresh: false };
  await forgetUnpacked(wanted.name);
  await fetchInto(cached, wanted, context);
  return { ...(await wanted.usable(cached)), fresh: true };
}

/** @param {string} name */
export async function forgetUnpacked(name) {
  await rm(join(cacheFolder(name), 'tree'), { recursive: true, force: true });
}

/**
 * Holds the tree from one run to the next; safe to delete.
 *
 * @param {string} name
 */
function cacheFolder(name) {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nestjs-idempotent-mq', name);
}

/**
 * The tree gets its name by one rename when it is complete, so that neither an interrupted run nor one at
 * the same time leaves half of it to be used.
 *
 * @template T
 * @param {string} cached
 * @param {FromSid<T>} wanted
 * @param {import('./engines.mjs').Context} context
 */
async function fetchInto(cached, { name, package: packageName, usable }, context) {
  const folder = cacheFolder(name);
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder);
  const incoming = await mkdtemp(join(folder, 'incoming-'));
  try {
    const tree = await unpackFromSid(packageName, incoming, context);
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
