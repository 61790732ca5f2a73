import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { keep } from './keep.mjs';
import { freePort } from './ports.mjs';
import { lastLines, run } from './run.mjs';
import { librariesOf, unpackedPackage } from './unpacked-package.mjs';

const READY_WITHIN_MS = 60_000;

/**
 * @typedef {object} RabbitmqServer
 * @property {string} url
 * @property {string} version
 * @property {() => Promise<number | undefined>} pid
 * @property {() => Promise<void>} kill        kill -9: what it has not written down is gone
 * @property {() => Promise<void>} startAgain  on the same data
 * @property {(...call: string[]) => Promise<void>} control  rabbitmqctl
 * @property {() => Promise<void>} stop
 */

/** @type {import('./engines.mjs').Way[]} */
export const rabbitmqWays = [{ name: "Debian's package, unpacked", start: () => startRabbitmq() }];

/**
 * One node, without its management plugin, unpacked beside the system. A quorum queue of one node has no quorum to wait
 * for: it is as durable as the other servers of the tests, of which there is one each.
 *
 * @returns {Promise<RabbitmqServer>}
 */
export async function startRabbitmq() {
  const tree = await unpackedPackage('rabbitmq-server');
  const lib = join(tree, 'usr/lib/rabbitmq/lib');
  const [home = ''] = await readdir(lib);
  const folder = await mkdtemp(join(tmpdir(), 'mq-test-rabbitmq-'));
  await mkdir(join(folder, 'bin'));
  const [port, distributionPort, mapperPort] = [await freePort(), await freePort(), await freePort()];
  const erlang = await relocated(join(tree, 'usr/lib/erlang'), join(folder, 'bin'));
  const pidFile = join(folder, 'rabbitmq.pid');
  const env = {
    ...process.env,
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    LD_LIBRARY_PATH: await librariesOf(tree),
    HOME: folder,
    RABBITMQ_NODENAME: `test${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: pidFile,
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'none'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'rabbitmq-env.conf'),
    ERL_EPMD_PORT: String(mapperPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  };
  await writeFile(env.RABBITMQ_ENABLED_PLUGINS_FILE, '[].\n');
  await writeFile(env.RABBITMQ_CONF_ENV_FILE, '');
  await writeFile(`${env.RABBITMQ_CONFIG_FILE}.conf`, 'log.console.level = warning\n');
  // Erlang's port mapper, which a node would start as a daemon that outlives it.
  const mapper = keep({ commands: [[join(erlang.bin, 'epmd')]] }, { output: 'inherit', env });
  const command = [join(lib, home, 'sbin/rabbitmq-server')];
  const logFile = join(folder, 'server.log');

  const begin = async () => {
    const log = await open(logFile, 'a');
    const kept = keep({ commands: [command] }, { output: log.fd, env });
    await log.close();
    try {
      await untilItGreets(port, kept);
      return kept;
    } catch (error) {
      const words = lastLines(await readFile(logFile, 'utf8').catch(() => ''), 15);
      await kept.stop();
      throw new Error(`RabbitMQ did not start: ${String(error)}\n${words}`, { cause: error });
    }
  };
  const pid = async () => Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10) || undefined;
  const remove = async () => {
    await mapper.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  let kept = await begin().catch(async (error) => {
    await remove();
    throw error;
  });
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}/`,
    version: `RabbitMQ ${home.replace('rabbitmq_server-', '')}, Erlang ${erlang.version}`,
    pid,
    async kill() {
      const running = await pid();
      if (running) process.kill(running, 'SIGKILL');
      await kept.exited;
      await kept.stop();
      await rm(pidFile, { force: true });
    },
    async startAgain() {
      kept = await begin();
    },
    async control(...call) {
      await run(join(lib, home, 'sbin/rabbitmqctl'), call, { timeoutMs: 60_000, env });
    },
    async stop() {
      await kept.stop();
      await remove();
    },
  };
}

/**
 * Erlang's start scripts have the folder written into them where they would have been installed.
 *
 * @param {string} root
 * @param {string} target
 */
async function relocated(root, target) {
  const runtime = (await readdir(root)).find((name) => name.startsWith('erts-')) ?? '';
  const bin = join(root, runtime, 'bin');
  const script = await readFile(join(bin, 'erl'), 'utf8').catch(() =>
    readFile(join(root, 'bin/erl'), 'utf8'),
  );
  const erl = join(target, 'erl');
  await writeFile(erl, script.replaceAll('/usr/lib/erlang', root));
  await chmod(erl, 0o755);
  const [version = ''] = (await readdir(join(root, 'releases'))).filter((name) => /^\d+$/.test(name));
  return { bin, version };
}

/**
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
      await pause(100);
    }
  }
}

/**
 * It opens its port long before it answers.
 *
 * @param {number} port
 */
async function greets(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('AMQP\0\0\x09\x01');
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
export async function namedRabbitmq(url) {
  const { connect: log } = await import('amqplib');
  const connection = await log(url, { timeout: 5_000 });
  try {
    const { product, version } = connection.connection.serverProperties;
    return { url, version: `${product} ${version}`, stop: async () => {} };
  } finally {
    await connection.close();
  }
}
