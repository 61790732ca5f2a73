import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchDatabase } from './database.js';

const CLI = join(import.meta.dirname, '../../src/cli/main.ts');
const STARTS_WITHIN_MS = 60_000;

/** The broker as a service in a process of its own, as `npx nestjs-idempotent-mq serve` starts it. */
export async function serve(database: BenchDatabase): Promise<{ url: string; close(): Promise<void> }> {
  const port = await freePort();
  const flags = ['serve', '--database', urlOf(database), '--port', String(port)];
  const child = spawn(process.execPath, ['--import', 'tsx', CLI, ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + STARTS_WITHIN_MS;
  while (!(await isUp(url))) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error('The service has not started.');
    await pause(50);
  }
  return {
    url,
    close: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/v1/health`)).ok;
  } catch {
    return false;
  }
}

function urlOf({ engine, options }: BenchDatabase): string {
  if (engine === 'sqlite') return `sqlite:${String(options.database)}`;
  const { host, port, username, password, database } = options as unknown as Record<string, string>;
  return `${engine}://${encodeURIComponent(username!)}:${encodeURIComponent(password ?? '')}@${host}:${port}/${database}`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
