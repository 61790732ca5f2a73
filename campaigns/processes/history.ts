import { appendFileSync } from 'node:fs';

/** One line of a history. */
export type Line =
  /** Written before anything is sent. */
  | { publish: 'attempted'; bizId: string; copies: number }
  | { publish: 'acknowledged'; bizId: string }
  /** COMMIT was begun, and nobody said how it ended. */
  | { publish: 'unknown'; bizId: string; error: string }
  /** It failed before COMMIT. */
  | { publish: 'failed'; bizId: string; error: string }
  | { event: string; about?: string }
  | { died: string };

/** A line is with the operating system when this returns: a process that is killed afterwards has said it. */
export function historyIn(file: string): (line: Line) => void {
  return (line) => appendFileSync(file, `${JSON.stringify(line)}\n`);
}
