import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianMirrors } from './debian-mirrors.mjs';
import { run } from './run.mjs';

/**
 * Unpacks a package of Debian's sid, with all that it depends on, into a folder: nothing is installed, and
 * the machine's own packages neither help nor hinder. Needs apt, but not root.
 *
 * @param {string} packageName
 * @param {string} folder  an empty folder
 * @param {import('./engines.mjs').Context} context
 * @returns {Promise<string>} the root of the unpacked tree
 */
export async function unpackFromSid(packageName, folder, { signal, log }) {
  const mirrors = await debianMirrors();
  if (mirrors.length === 0) throw new Error("the machine's apt sources name no mirror of Debian");
  log(
    `downloading ${packageName} of Debian's sid, to be unpacked into the user's cache; later runs reuse it`,
  );
  /** @type {string[]} */
  const failures = [];
  for (const [index, mirror] of mirrors.entries()) {
    try {
      const place = join(folder, `mirror-${index}`);
      const archives = await download(packageName, mirror, place, signal);
      return await unpack(archives, join(place, 'tree'), signal);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(/** @type {Error} */ (error).message);
    }
  }
  throw new Error(failures.join('; '));
}

/**
 * @param {string} packageName
 * @param {import('./debian-mirrors.mjs').Mirror} mirror
 * @param {string} place
 * @param {AbortSignal} signal
 * @returns {Promise<string>} the folder with the .deb files
 */
async function download(packageName, mirror, place, signal) {
  const archives = join(place, 'cache', 'archives');
  await mkdir(join(place, 'state', 'lists', 'partial'), { recursive: true });
  await mkdir(join(archives, 'partial'), { recursive: true });
  const architecture = (await run('dpkg', ['--print-architecture'])).trim();
  const config = join(place, 'apt.conf');
  await writeFile(join(place, 'status'), '');
  await writeFile(join(place, 'sid.sources'), stanza(mirror, architecture));
  await writeFile(config, privateConfig(place));

  const apt = (/** @type {string[]} */ ...args) =>
    run('apt-get', ['-c', config, ...args], { timeoutMs: 300_000, signal, env: { LC_ALL: 'C' } });
  await apt('update');
  await apt('-y', '--download-only', '--no-install-recommends', 'install', packageName);
  return archives;
}

/**
 * @param {import('./debian-mirrors.mjs').Mirror} mirror
 * @param {string} architecture
 */
function stanza({ uri, options }, architecture) {
  const trust = Object.entries(options).map(([name, value]) => `${name}: ${value}`);
  return [
    'Types: deb',
    `URIs: ${uri}`,
    'Suites: sid',
    'Components: main',
    `Architectures: ${architecture}`,
    'Targets: Packages',
    'Languages: none',
    ...trust,
    '',
  ].join('\n');
}

/**
 * apt reads this after the machine's own configuration, so that proxies, certificates and keys stay in force
 * while everything that names a place, a preference or a hook of the system is replaced. The status file is
 * empty: apt then downloads the C library as well, and the tree needs nothing of the system's.
 *
 * @param {string} place
 */
function privateConfig(place) {
  return `
Dir::Etc::sourcelist "${place}/sid.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "${place}/state";
Dir::State::status "${place}/status";
Dir::Cache "${place}/cache";
APT::Default-Release "";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
`;
}

/**
 * @param {string} archives
 * @param {string} tree
 * @param {AbortSignal} signal
 */
async function unpack(archives, tree, signal) {
  await mkdir(tree);
  const packages = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  for (const name of packages) {
    await run('dpkg-deb', ['-x', join(archives, name), tree], { timeoutMs: 120_000, signal });
  }
  return tree;
}
