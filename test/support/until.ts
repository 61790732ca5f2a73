import { setTimeout as pause } from 'node:timers/promises';

/** Asks until the answer is yes. For what no event tells of, such as a session that waits for a lock. */
export async function until(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  { limitMs = 40_000, everyMs = 2 } = {},
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms until ${what}`);
    await pause(everyMs);
  }
}
