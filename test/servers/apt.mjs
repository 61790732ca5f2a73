import { setTimeout as pause } from 'node:timers/promises';
import { run } from './run.mjs';
import { isRoot } from './user.mjs';

/** In English, as one of its messages is read below. */
const UNATTENDED = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
const LOCK_WAIT_S = 120;

/**
 * Installs Debian packages on this machine, waiting for whoever else is installing.
 *
 * @param {string[]} packages
 * @param {(line: string) => void} log
 * @throws {Error} when not root, or not a machine with apt
 */
export async function aptInstall(packages, log) {
  if (!isRoot()) throw new Error(`needs root; as root: apt-get install ${packages.join(' ')}`);
  log(`installing ${packages.join(' and ')} with apt-get`);
  await aptUpdate();
  await uninterrupted([
    '-y',
    '--no-install-recommends',
    `-oDPkg::Lock::Timeout=${LOCK_WAIT_S}`,
    'install',
    ...packages,
  ]);
}

/** apt's lock timeout doesn't cover the package lists, so that wait is ours. */
async function aptUpdate() {
  const deadline = Date.now() + LOCK_WAIT_S * 1000;
  for (;;) {
    try {
      return await uninterrupted(['update']);
    } catch (error) {
      const locked = /could not get lock/i.test(/** @type {Error} */ (error).message);
      if (!locked || Date.now() > deadline) throw error;
      await pause(1_000);
    }
  }
}

/**
 * In a session of its own: a Ctrl-C must not reach dpkg half-way, which would leave the machine's packages
 * broken. It is waited for instead.
 *
 * @param {string[]} args
 */
function uninterrupted(args) {
  return run('setsid', ['--wait', 'apt-get', ...args], { timeoutMs: 600_000, env: UNATTENDED });
}
