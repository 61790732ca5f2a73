import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { keep } from '../../../test/servers/keep.mjs';
import { freePort } from '../../../test/servers/ports.mjs';
import type { RunningServer } from './kinds.js';
import { pidIn, serverFolder, startIn } from './start.js';
import { librariesOf, unpackedPackage } from './unpacked.js';

/**
 * One node, without its management plugin. A quorum queue of one node has no quorum to wait for: it is as durable as the
 * other servers here, of which there is one each, and quicker than one of three nodes.
 */
export async function startRabbitmq(): Promise<RunningServer> {
  const tree = await unpackedPackage('rabbitmq-server');
  const lib = join(tree, 'usr/lib/rabbitmq/lib');
  const [home] = await readdir(lib);
  const folder = await serverFolder('rabbitmq');
  await mkdir(join(folder, 'bin'));
  const [port, distributionPort, mapperPort] = [await freePort(), await freePort(), await freePort()];
  const erlang = await relocated(join(tree, 'usr/lib/erlang'), join(folder, 'bin'));
  const pidFile = join(folder, 'rabbitmq.pid');
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    LD_LIBRARY_PATH: await librariesOf(tree),
    HOME: folder,
    RABBITMQ_NODENAME: `bench${port}@localhost`,
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
  const mapper = keep(
    { commands: [[join(erlang.bin, 'epmd')]] },
    { output: 'inherit', env: { ...process.env, ...env } },
  );
  const server = join(lib, home!, 'sbin/rabbitmq-server');
  const kept = await startIn(folder, [[server]], { env, answers: () => greets(port), more: [mapper] });
  return {
    kind: 'rabbitmq',
    url: `amqp://guest:guest@127.0.0.1:${port}/`,
    version: `RabbitMQ ${home!.replace('rabbitmq_server-', '')}, Erlang ${erlang.version}`,
    settings: 'one node, no plugins, its defaults',
    pid: await pidIn(pidFile),
    stop: () => kept.stop(),
  };
}

/** Erlang's start scripts have the folder written into them where they would have been installed. */
async function relocated(root: string, target: string): Promise<{ bin: string; version: string }> {
  const runtime = (await readdir(root)).find((name) => name.startsWith('erts-'))!;
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

/** It opens its port long before it answers. */
async function greets(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('AMQP\0\0\x09\x01');
    await once(socket, 'data', { signal: AbortSignal.timeout(1_000) });
  } finally {
    socket.destroy();
  }
}
