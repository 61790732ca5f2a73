import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {import('./keeper.mjs').KeeperOrder} KeeperOrder
 * @typedef {import('./keeper.mjs').KeeperMessage} KeeperMessage
 * @typedef {import('./keeper.mjs').Outcome} Outcome
 *
 * @typedef {object} Kept
 * @property {Promise<Outcome>} exited     how the last command ended
 * @property {() => Promise<void>} stop    ends what still runs: SIGTERM, and SIGKILL after 10 s
 */

const KEEPER = fileURLToPath(new URL('keeper.mjs', import.meta.url));

/**
 * Runs commands so that they can't outlive this process; keeper.mjs says how.
 *
 * @param {KeeperOrder} order
 * @param {{ output: number | 'inherit', env?: NodeJS.ProcessEnv }} options
 *   output: where stdout and stderr go, a file descriptor or this process's own
 * @returns {Kept}
 */
export function keep(order, { output, env = process.env }) {
  const keeper = spawn(process.execPath, [KEEPER], {
    detached: true,
    env,
    stdio: ['ignore', output, output, 'ipc'],
  });
  /** @type {number | undefined} */
  let group;

  /** @type {Promise<void>} */
  const keeperGone = new Promise((resolve) => {
    keeper.once('error', () => resolve());
    keeper.once('exit', (code) => {
      if (code !== 0) endOrphans(group);
      resolve();
    });
  });
  /** @type {Promise<Outcome>} */
  const exited = new Promise((resolve) => {
    keeper.on('message', (message) => {
      const told = /** @type {KeeperMessage} */ (message);
      if ('group' in told) group = told.group;
      else resolve(told.exited);
    });
    void keeperGone.then(() => resolve({ code: null, signal: null, error: 'stopped' }));
  });
  keeper.send(order, () => {});

  return {
    exited,
    async stop() {
      if (keeper.connected) keeper.disconnect();
      await keeperGone;
      if (order.remove) await rm(order.remove, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/**
 * Only a killed keeper leaves its command behind.
 *
 * @param {number | undefined} group
 */
function endOrphans(group) {
  if (!group) return;
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Nothing was left.
  }
}
