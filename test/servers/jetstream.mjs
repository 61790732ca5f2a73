import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { executablesNamed } from './find-binary.mjs';
import { keep } from './keep.mjs';
import { freePort } from './ports.mjs';
import { lastLines, run } from './run.mjs';
import { unpackedFromSid } from './unpacked-from-sid.mjs';

const READY_WITHIN_MS = 30_000;
/** From here on it can be told to write each message to the disk before its ACK. */
const OLDEST = [2, 10];

/**
 * @typedef {object} JetstreamServer
 * @property {string} url
 * @property {string} version
 * @property {() => Promise<void>} kill        kill -9: what it has not written down is gone
 * @property {() => Promise<void>} startAgain  on the same data
 * @property {() => Promise<void>} stop
 */

/** @type {import('./engines.mjs').Way[]} */
export const jetstreamWays = [
  { name: 'installed binary', start: async () => startNats(await installedBinary()) },
  {
    name: "Debian's sid, unpacked beside the system",
    start: async (context) => startNats((await unpackedNats(context)).binary),
  },
];

/**
 * For one test alone, by whichever way is open.
 *
 * @param {import('./engines.mjs').Context} context
 * @param {string[]} [settings] lines for its configuration
 */
export async function startJetstream(context, settings) {
  const installed = await installedBinary().catch(() => undefined);
  return startNats(installed ?? (await unpackedNats(context)).binary, settings);
}

async function installedBinary() {
  for (const path of await executablesNamed(['nats-server'])) {
    if (isNewEnough(await versionOf(path))) return path;
  }
  throw new Error(`no nats-server from ${OLDEST.join('.')} on PATH or in the usual folders`);
}

/**
 * Debian's sid has a newer one than its stable releases. It is one file that needs no other.
 *
 * @param {import('./engines.mjs').Context} context
 */
function unpackedNats(context) {
  /** @param {string} tree */
  const usable = async (tree) => {
    for (const folder of ['usr/sbin', 'usr/bin']) {
      const binary = join(tree, folder, 'nats-server');
      if (await versionOf(binary).catch(() => undefined)) return { binary };
    }
    throw new Error(`no nats-server that runs below ${tree}`);
  };
  return unpackedFromSid({ name: 'nats', package: 'nats-server', usable }, context);
}

/**
 * One server. It writes each message to the disk before its ACK, as the other servers of the tests do.
 *
 * @param {string} binary
 * @param {string[]} [further] lines for its configuration
 * @returns {Promise<JetstreamServer>}
 */
async function startNats(binary, further = []) {
  const folder = await mkdtemp(join(tmpdir(), 'mq-test-jetstream-'));
  const port = await freePort();
  const config = join(folder, 'nats.conf');
  const logFile = join(folder, 'server.log');
  const pidFile = join(folder, 'nats.pid');
  const settings = [
    `listen: "127.0.0.1:${port}"`,
    `pid_file: "${pidFile}"`,
    'max_payload: 2MB',
    `jetstream { store_dir: "${join(folder, 'data')}", sync_interval: always, max_file_store: 10GB }`,
    ...further,
  ];
  await writeFile(config, `${settings.join('\n')}\n`);

  const begin = async () => {
    const log = await open(logFile, 'a');
    const kept = keep({ commands: [[binary, '-c', config]] }, { output: log.fd });
    await log.close();
    try {
      await untilItGreets(port, kept);
      return kept;
    } catch (error) {
      const words = lastLines(await readFile(logFile, 'utf8').catch(() => ''), 15);
      await kept.stop();
      throw new Error(`nats-server did not start: ${String(error)}\n${words}`, { cause: error });
    }
  };
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  let kept = await begin().catch(async (error) => {
    await remove();
    throw error;
  });
  return {
    url: `nats://127.0.0.1:${port}`,
    version: `nats-server ${await versionOf(binary)}`,
    async kill() {
      process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
      await kept.exited;
      await kept.stop();
    },
    async startAgain() {
      kept = await begin();
    },
    async stop() {
      await kept.stop();
      await remove();
    },
  };
}

/** @param {string} binary */
async function versionOf(binary) {
  const version = /v(\d+\.\d+\.\d+)/.exec(await run(binary, ['--version']))?.[1];
  if (!version) throw new Error(`${binary} does not say its version`);
  return version;
}

/** @param {string} version */
function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = OLDEST;
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

/**
 * It opens its port when its streams are there.
 *
 * @param {number} port
 * @param {import('./keep.mjs').Kept} kept
 */
async function untilItGreets(port, kept) {
  let ended = false;
  void kept.exited.then(() => (ended = true));
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      return await greets(port);
    } catch (error) {
      if (ended || Date.now() > deadline) throw error;
      await pause(50);
    }
  }
}

/** @param {number} port */
async function greets(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'data', { signal: AbortSignal.timeout(1_000) });
  } finally {
    socket.destroy();
  }
}

/**
 * A server that somebody named.
 *
 * @param {string} url
 * @returns {Promise<import('./engines.mjs').Server>}
 */
export async function namedJetstream(url) {
  const { connect: log } = await import('@nats-io/transport-node');
  const { hostname, port, username: user, password: pass } = new URL(url);
  const connection = await log({
    servers: `${hostname}:${port || 4222}`,
    timeout: 5_000,
    ...(user && { user, pass }),
  });
  try {
    if (!connection.info?.jetstream) throw new Error('JetStream is not enabled there');
    return { url, version: `nats-server ${connection.info.version}`, stop: async () => {} };
  } finally {
    await connection.close();
  }
}
