import { appendFileSync } from 'node:fs';

/** How a handler came to its end; `broken` is what it did not want itself: a connection that is gone, a lease that is lost. */
export type Ended = 'done' | 'failed' | 'rejected' | 'broken';

/** One line of a history. */
export type Line =
  /** Written before anything is sent. */
  | { publish: 'attempted'; bizId: string; copies: number }
  /** Its call of `publish` comes next, in a transaction that has begun before. */
  | { publish: 'began'; bizId: string }
  | { publish: 'acknowledged'; bizId: string }
  /** COMMIT was begun, and nobody said how it ended. */
  | { publish: 'unknown'; bizId: string; error: string }
  /** It failed before COMMIT. */
  | { publish: 'failed'; bizId: string; error: string }
  /** A handler has been called, and is about to do its work. */
  | { attempt: string; handles: string; group: string }
  /** It is about to return or to throw. */
  | { attempt: string; ended: Ended; aborted: boolean }
  /** An operator is about to requeue a dead letter, and was told that it is done. */
  | { requeue: 'attempted' | 'acknowledged'; bizId: string; group: string }
  /** An operator is about to release a quarantined copy: it may land beside the one that it is a copy of. */
  | { release: string }
  | { event: string; about?: string }
  | { died: string }
  /** Whoever was called so is no more. */
  | { gone: string };

/**
 * A line is with the operating system when this returns: a process that is killed afterwards has said it. `at` is by a
 * clock that all processes of the machine share and nobody sets, in microseconds.
 */
export function historyIn(file: string): (line: Line) => void {
  return (line) => {
    const at = Number(process.hrtime.bigint() / 1_000n);
    appendFileSync(file, `${JSON.stringify({ ...line, at })}\n`);
  };
}
