import { mkdtemp, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { keep } from '../../../test/servers/keep.mjs';
import { lastLines } from '../../../test/servers/run.mjs';
import type { ServerKind } from './kinds.js';

const READY_WITHIN_MS = 60_000;

export interface Kept {
  stop(): Promise<void>;
}

/** A folder for one server, on the storage that all of them share; it goes when the server stops. */
export async function serverFolder(kind: ServerKind): Promise<string> {
  return mkdtemp(join(tmpdir(), `mq-bench-${kind}-`));
}

/** Runs commands in a folder, the last one being the server, and waits until it answers. */
export async function startIn(
  folder: string,
  commands: string[][],
  { env, answers, more = [] }: { env?: NodeJS.ProcessEnv; answers: () => Promise<unknown>; more?: Kept[] },
): Promise<Kept> {
  const logFile = join(folder, 'server.log');
  const log = await open(logFile, 'a');
  const kept = keep({ commands, remove: folder }, { output: log.fd, env: { ...process.env, ...env } });
  await log.close();
  const stop = async () => {
    await kept.stop();
    for (const other of more) await other.stop();
  };
  let ended = false;
  void kept.exited.then(() => (ended = true));
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await answers();
      return { stop };
    } catch (error) {
      if (!ended && Date.now() < deadline) {
        await pause(100);
        continue;
      }
      const words = lastLines(await readFile(logFile, 'utf8').catch(() => ''), 15);
      await stop();
      throw new Error(`${commands.at(-1)![0]} did not start: ${String(error)}\n${words}`, { cause: error });
    }
  }
}

/** Of the pid that a server has written into a file of its own. */
export async function pidIn(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return Number.parseInt(text, 10) || undefined;
}
