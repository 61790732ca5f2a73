import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from './run.mjs';

const UNPACKED_WITHIN_MS = 600_000;

/**
 * A package of this machine's own Debian release, and what it needs that is not installed, unpacked into the user's cache:
 * nothing is installed, and no system service is started. Later runs reuse it; it is safe to delete.
 *
 * @param {string} name
 * @returns {Promise<string>} the root of the tree
 */
export async function unpackedPackage(name) {
  const cache = join(
    process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
    'nestjs-idempotent-mq',
    'bench',
  );
  const tree = join(cache, name);
  if (await isThere(tree)) return tree;
  const making = `${tree}.${process.pid}`;
  const archives = join(making, 'archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  try {
    await run(
      'apt-get',
      [
        ...['-y', '--download-only', '--no-install-recommends'],
        ...['-o', `Dir::Cache::archives=${archives}`, '-o', 'APT::Sandbox::User='],
        ...['install', name],
      ],
      { timeoutMs: UNPACKED_WITHIN_MS, env: { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' } },
    );
    const packages = (await readdir(archives)).filter((file) => file.endsWith('.deb'));
    for (const file of packages) await run('dpkg-deb', ['-x', join(archives, file), join(making, 'tree')]);
    await rename(join(making, 'tree'), tree);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return tree;
}

/**
 * The folder of shared libraries in an unpacked tree, for LD_LIBRARY_PATH.
 *
 * @param {string} tree
 */
export async function librariesOf(tree) {
  const folder = join(tree, 'usr', 'lib');
  const architecture = (await readdir(folder)).find((name) => name.includes('-linux-'));
  return architecture ? join(folder, architecture) : folder;
}

/** @param {string} path */
async function isThere(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}
