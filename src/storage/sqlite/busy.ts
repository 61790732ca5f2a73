import { setTimeout as delay } from 'node:timers/promises';

/**
 * Between two attempts at a lock of another process. Short, because nobody tells us when it is free, and a writer that
 * polls seldom loses to those that poll often. A failed attempt costs about 20 µs, and one writer of a process polls.
 */
const MIN_DELAY_MS = 1;
const MAX_DELAY_MS = 3;

/** Another connection holds a lock that the statement needs. Without a busy timeout SQLite says so at once. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error).startsWith('SQLITE_BUSY');
}

/** The transaction reads an older state than the one it would have to write to: it can't succeed any more. */
export function isStaleSnapshot(error: unknown): boolean {
  return sqliteCode(error) === 'SQLITE_BUSY_SNAPSHOT';
}

/** Jittered, so that two processes don't keep meeting each other. */
export function busyDelay(): Promise<void> {
  return delay(MIN_DELAY_MS + Math.random() * (MAX_DELAY_MS - MIN_DELAY_MS));
}

/** Runs `attempt` again while it meets a lock of another process, for at most `waitMs` milliseconds. */
export async function retryWhileBusy<T>(waitMs: number, attempt: () => T | Promise<T>): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
      await busyDelay();
    }
  }
}

function sqliteCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
