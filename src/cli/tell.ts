import type { Flags } from './command.js';
import { json } from './print/words.js';

/** What was done: in words, or for programs. */
export function tell(flags: Flags, result: object, words: string): void {
  process.stdout.write(`${flags.json === undefined ? words : json(result)}\n`);
}
