import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Contestant, type Place, brokerNameOf } from './contestant.js';

const PROGRAM = join(import.meta.dirname, 'serve.mjs');
const STARTS_WITHIN_MS = 60_000;

export interface Service {
  url: string;
  pid: number;
  close(): Promise<void>;
}

/** The broker as a process of its own, as `npx nestjs-idempotent-mq serve` starts it. */
export async function startService({ business }: Contestant, place: Place): Promise<Service> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { host, username, password } = new URL(place.urls[business]!);
  const database = `${business}://${username}:${password}@${host}/${brokerNameOf(place)}`;
  const flags = ['serve', '--database', database, '--port', String(port)];
  const child = spawn(process.execPath, [PROGRAM, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
  await untilUp(url, child);
  return {
    url,
    pid: child.pid!,
    async close() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function untilUp(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + STARTS_WITHIN_MS;
  for (;;) {
    const isUp = await fetch(`${url}/v1/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error('The service has not started.');
    }
    await pause(50);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
