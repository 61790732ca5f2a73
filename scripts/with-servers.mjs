/**
 * `node scripts/with-servers.mjs [--engines mariadb,mysql,postgres,rabbitmq,jetstream] -- command arguments…`: starts the
 * servers, runs the command with MQ_TEST_MARIADB_URL and the like set (MQ_TEST_POSTGRES_URL where PostgreSQL is asked for),
 * stops them, and exits as the command did. The command has the terminal, so a shell or `npx jest --watch` works. Without --engines the
 * command runs with the servers that could be had.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { startServers } from '../test/servers/index.mjs';
import { banner } from './test-run/banner.mjs';
import { chooseEngines, serverEngines } from './test-run/engine-choice.mjs';
import { testEnvironment } from './test-run/environment.mjs';
import { interruption } from './test-run/interruption.mjs';

const USAGE =
  'usage: node scripts/with-servers.mjs [--engines mariadb,mysql,postgres,rabbitmq,jetstream] -- command [arguments]';
const GRACE_MS = 10_000;
const { signal, exitStatus } = interruption();

try {
  const { engines, insisted, command } = readArguments();
  const servers = await startServers(serverEngines(engines), { signal, log: console.error });
  try {
    for (const [engine, reason] of Object.entries(servers.unavailable)) {
      console.error(banner(`${engine.toUpperCase()} IS NOT AVAILABLE`, reason));
    }
    if (insisted && Object.keys(servers.unavailable).length > 0) {
      throw new Error('not run: --engines names an engine that is not available');
    }
    process.exitCode = await runInForeground(
      command,
      testEnvironment(engines, servers.urls, servers.unavailable),
    );
  } finally {
    await servers.stop();
  }
  process.exitCode = exitStatus() ?? process.exitCode;
} catch (error) {
  if (!signal.aborted) console.error(/** @type {Error} */ (error).message);
  process.exitCode = exitStatus() ?? 1;
}

function readArguments() {
  const separator = process.argv.indexOf('--');
  const command = separator < 0 ? [] : process.argv.slice(separator + 1);
  if (command.length === 0) throw new Error(USAGE);
  const { values } = parseArgs({
    args: process.argv.slice(2, separator),
    options: { engines: { type: 'string' } },
  });
  const insisted = values.engines !== undefined;
  const engines = insisted
    ? chooseEngines(values.engines, '--engines')
    : chooseEngines(process.env.MQ_TEST_ENGINES, 'MQ_TEST_ENGINES');
  return { engines, insisted, command };
}

/**
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} its exit status, as a shell reports it
 */
function runInForeground([file = '', ...args], env) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', env });
    /** @type {NodeJS.Timeout | undefined} */
    let impatience;
    signal.addEventListener('abort', () => {
      child.kill('SIGTERM');
      impatience = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    });
    child.once('error', reject);
    child.once('exit', (code, killer) => {
      clearTimeout(impatience);
      resolve(code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (killer)]);
    });
  });
}
