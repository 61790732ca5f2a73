import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SERVER_ENGINES } from './engines.mjs';
import { keep } from './keep.mjs';
import { freePort } from './ports.mjs';
import { messageOf, waitUntilReady } from './ready.mjs';
import { lastLines } from './run.mjs';

const READY_WITHIN_MS = 60_000;
const ATTEMPTS = 3;
const PORT_TAKEN = /address already in use|port is already allocated|do you already have another/i;

/**
 * @typedef {object} Place  Where one server lives; gone when it stops.
 * @property {string} data
 * @property {string} tmp
 * @property {string} socket
 * @property {string} initFile  SQL that lets `root` in from 127.0.0.1 with the password (MySQL and MariaDB)
 * @property {string} passwordFile
 * @property {number} port
 * @property {string} password
 *
 * @typedef {object} Plan
 * @property {string[][]} commands   the last one is the server, in the foreground
 * @property {string[][]} [cleanup]  run when it has stopped
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [url]          mysql://… unless it says so
 */

/**
 * Starts a server in a folder of its own, on a port of its own, and waits until it answers.
 *
 * @param {import('./engines.mjs').Engine} engine
 * @param {(place: Place) => Plan} planFor
 * @param {import('./engines.mjs').Context} context
 * @returns {Promise<import('./engines.mjs').Server>}
 */
export async function bringUp(engine, planFor, context) {
  for (let attempt = 1; ; attempt++) {
    context.signal.throwIfAborted();
    const folder = await mkdtemp(join(tmpdir(), `mq-test-${engine}-`));
    const place = await furnish(folder);
    const plan = planFor(place);
    const logFile = join(folder, 'server.log');
    const log = await open(logFile, 'a');
    const kept = keep(
      { commands: plan.commands, cleanup: plan.cleanup, remove: folder },
      { output: log.fd, env: { ...process.env, ...plan.env } },
    );
    await log.close();

    const url = plan.url ?? `mysql://root:${place.password}@127.0.0.1:${place.port}/`;
    try {
      const version = await waitUntilReady(url, {
        engine,
        exited: kept.exited,
        timeoutMs: READY_WITHIN_MS,
        signal: context.signal,
      });
      return { url, version, stop: stopper(engine, kept, logFile, context) };
    } catch (error) {
      const log = await tail(logFile);
      await kept.stop();
      context.signal.throwIfAborted();
      if (PORT_TAKEN.test(log) && attempt < ATTEMPTS) continue;
      context.log(`${SERVER_ENGINES[engine].label} did not start. The end of its log:\n${log}`);
      throw new Error(messageOf(error), { cause: error });
    }
  }
}

/**
 * A password, though the server listens on loopback only: a database's root may read and write files, and
 * other people may be logged in to this machine.
 *
 * @param {string} folder
 * @returns {Promise<Place>}
 */
async function furnish(folder) {
  const place = {
    data: join(folder, 'data'),
    tmp: join(folder, 'tmp'),
    socket: join(folder, 'server.sock'),
    initFile: join(folder, 'init.sql'),
    passwordFile: join(folder, 'password'),
    port: await freePort(),
    password: randomBytes(12).toString('hex'),
  };
  await Promise.all([mkdir(place.data), mkdir(place.tmp)]);
  const user = "'root'@'127.0.0.1'";
  const statements = [
    `CREATE USER IF NOT EXISTS ${user} IDENTIFIED BY '${place.password}';`,
    `GRANT ALL PRIVILEGES ON *.* TO ${user} WITH GRANT OPTION;`,
  ];
  await writeFile(place.passwordFile, `${place.password}\n`, { mode: 0o600 });
  await writeFile(place.initFile, statements.join('\n') + '\n', { mode: 0o600 });
  return place;
}

/**
 * Says so when the server went away before it was told to: the tests that fail then would not tell why.
 *
 * @param {import('./engines.mjs').Engine} engine
 * @param {import('./keep.mjs').Kept} kept
 * @param {string} logFile
 * @param {import('./engines.mjs').Context} context
 */
function stopper(engine, kept, logFile, { log }) {
  let wanted = false;
  void kept.exited.then(async () => {
    if (wanted) return;
    log(`${SERVER_ENGINES[engine].label} went away by itself. The end of its log:\n${await tail(logFile)}`);
  });
  return () => {
    wanted = true;
    return kept.stop();
  };
}

/** @param {string} logFile */
async function tail(logFile) {
  return lastLines(await readFile(logFile, 'utf8').catch(() => '(no log)'), 30);
}
