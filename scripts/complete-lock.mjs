/**
 * `node scripts/complete-lock.mjs`: to be run after an `npm install` that changed package-lock.json.
 *
 * npm leaves a package's binaries for other platforms out of the lock file when the registry in use doesn't
 * carry them, and then `npm ci` refuses the lock file for being incomplete. This adds the missing entries, as
 * npm would have: by exact version, and marked for their platform so that nobody else downloads them.
 */
import { readFile, writeFile } from 'node:fs/promises';

const FILE = new URL('../package-lock.json', import.meta.url);
const PLATFORM =
  /-(?<os>aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-(?<cpu>[a-z0-9]+)/;

/**
 * @typedef {{ dev?: boolean, optionalDependencies?: Record<string, string> }} LockedPackage
 * @typedef {{ version: string, cpu: string[], dev?: true, optional: true, os: string[] }} AddedPackage
 */

const lock = /** @type {{ packages: Record<string, LockedPackage> }} */ (
  JSON.parse(await readFile(FILE, 'utf8'))
);
/** @type {Record<string, AddedPackage>} */
const added = {};
for (const [path, { dev, optionalDependencies }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    if (isLocked(name, path)) continue;
    added[`node_modules/${name}`] = entryFor(name, version, dev);
  }
}
const packages = { ...lock.packages, ...added };
lock.packages = Object.fromEntries(
  Object.keys(packages)
    .sort((a, b) => a.localeCompare(b, 'en'))
    .map((path) => [path, /** @type {LockedPackage} */ (packages[path])]),
);
await writeFile(FILE, JSON.stringify(lock, null, 2) + '\n');
console.log(`added to package-lock.json: ${Object.keys(added).length}`);

/**
 * Whether a package finds a dependency where Node would look for it: beside itself, or in a folder above.
 *
 * @param {string} name
 * @param {string} dependent  its path in the lock file
 */
function isLocked(name, dependent) {
  const folders = dependent.split(/\/?node_modules\//).slice(1);
  return [...folders.keys(), folders.length].some((depth) => {
    const above = folders.slice(0, depth).map((folder) => `node_modules/${folder}/`);
    return `${above.join('')}node_modules/${name}` in lock.packages;
  });
}

/**
 * @param {string} name
 * @param {string} version
 * @param {boolean | undefined} dev
 * @returns {AddedPackage}
 */
function entryFor(name, version, dev) {
  const { os, cpu } = PLATFORM.exec(name)?.groups ?? {};
  if (!os || !cpu || !/^\d+\.\d+\.\d+/.test(version)) {
    throw new Error(
      `${name}@${version} is missing in package-lock.json: not a platform's binary of an exact version`,
    );
  }
  return { version, cpu: [cpu], ...(dev && { dev }), optional: true, os: [os] };
}
