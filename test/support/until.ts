import { setTimeout as pause } from 'node:timers/promises';

const LIMIT_MS = 20_000;
const ASK_EVERY_MS = 2;

/** Asks until the answer is yes. For what no event tells of, such as a session that waits for a lock. */
export async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${LIMIT_MS} ms until ${what}`);
    await pause(ASK_EVERY_MS);
  }
}
