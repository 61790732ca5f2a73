import { readFile } from 'node:fs/promises';
import { readAptSources } from './apt-sources.mjs';

/**
 * @typedef {object} Mirror
 * @property {string} uri
 * @property {Record<string, string>} options  how apt is to trust it, as the machine's own entry says
 */

const ROLLING = ['stable', 'oldstable', 'testing', 'unstable', 'sid'];
const TRUST_OPTIONS = [
  'signed-by',
  'trusted',
  'allow-insecure',
  'check-valid-until',
  'check-date',
  'by-hash',
];

/**
 * The mirrors of the whole Debian archive that this machine uses. Any of them has sid too; which of several
 * is Debian's own and which a vendor's that borrowed its suite names shows only when they are asked.
 *
 * @returns {Promise<Mirror[]>}
 */
export async function debianMirrors() {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(release)?.[1];
  const suites = new Set([...ROLLING, ...(codename ? [codename] : [])]);
  const sources = (await readAptSources()).filter(
    (source) =>
      source.types.includes('deb') &&
      source.components.includes('main') &&
      source.suites.some((suite) => suites.has(suite)),
  );
  /** @type {Map<string, Mirror>} */
  const mirrors = new Map();
  for (const { uris, options } of sources) {
    for (const uri of uris) {
      if (uri.startsWith('cdrom:') || mirrors.has(uri)) continue;
      mirrors.set(uri, { uri, options: trustOf(options) });
    }
  }
  return [...mirrors.values()];
}

/** @param {Record<string, string>} options */
function trustOf(options) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => TRUST_OPTIONS.includes(name)));
}
