/**
 * A process between the test command and one server (or Jest), started by keep.mjs. It runs the commands it
 * is told to, and ends them as soon as the test command lets go of it, on purpose or by dying: a `kill -9`
 * closes the channel between the two as well, so nothing outlives the test command whatever its end.
 *
 * @typedef {object} KeeperOrder
 * @property {string[][]} commands   run one after the other, as long as each exits with 0
 * @property {string[][]} [cleanup]  run when all is stopped, e.g. to remove a container
 * @property {string} [remove]       a folder to delete last of all
 *
 * @typedef {{ code: number | null, signal: string | null, error?: string }} Outcome
 * @typedef {{ group: number } | { exited: Outcome }} KeeperMessage
 */
import { execFile, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';

const GRACE_MS = 10_000;

let stopping = false;
/** @type {Promise<void>} */
const letGo = new Promise((resolve) => {
  for (const event of ['disconnect', 'SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(event, () => {
      stopping = true;
      resolve();
    });
  }
});

process.once('message', (order) => void keep(/** @type {KeeperOrder} */ (order)));

/** @param {KeeperOrder} order */
async function keep({ commands, cleanup = [], remove }) {
  /** @type {Outcome} */
  let outcome = { code: 0, signal: null };
  for (const command of commands) {
    if (stopping) break;
    outcome = await runInOwnGroup(command);
    if (outcome.code !== 0) break;
  }
  tell({ exited: outcome });
  await letGo;
  for (const command of cleanup) await runQuietly(command);
  if (remove) await rm(remove, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

/**
 * A group of its own lets one signal reach what the command started in turn (install scripts, Jest's
 * workers), and keeps a terminal's Ctrl-C away, which would stop the servers under running tests.
 *
 * @param {string[]} command
 * @returns {Promise<Outcome>}
 */
function runInOwnGroup([command = '', ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
    /** @type {NodeJS.Timeout | undefined} */
    let impatience;
    child.once('error', (error) => resolve({ code: null, signal: null, error: error.message }));
    child.once('exit', (code, signal) => {
      clearTimeout(impatience);
      signalGroup(child.pid, 'SIGKILL');
      resolve({ code, signal });
    });
    if (!child.pid) return;
    tell({ group: child.pid });
    void letGo.then(() => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      signalGroup(child.pid, 'SIGTERM');
      impatience = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), GRACE_MS);
    });
  });
}

/**
 * @param {number | undefined} leader
 * @param {NodeJS.Signals} signal
 */
function signalGroup(leader, signal) {
  if (!leader) return;
  try {
    process.kill(-leader, signal);
  } catch {
    // The whole group has ended already.
  }
}

/** @param {string[]} command */
function runQuietly([command = '', ...args]) {
  return new Promise((resolve) => execFile(command, args, { timeout: 30_000 }, resolve));
}

/** @param {KeeperMessage} message */
function tell(message) {
  if (process.connected) process.send?.(message, () => {});
}
