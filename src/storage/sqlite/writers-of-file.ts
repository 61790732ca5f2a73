import { WritersQueue } from './writers-queue.js';

interface Registered {
  readonly queue: WritersQueue;
  users: number;
}

/** On globalThis, because an application may load the ESM and the CommonJS copy of this library side by side. */
const REGISTRY = Symbol.for('nestjs-idempotent-mq.sqlite-writers');

/**
 * The one queue of a database file in this process, shared by all DataSources on that file. Call
 * `releaseWritersOf` once for each call of this.
 *
 * @param file its real path, so that two names of one file share a queue
 */
export function retainWritersOf(file: string): WritersQueue {
  const registry = registered();
  const entry = registry.get(file) ?? { queue: new WritersQueue(file, true), users: 0 };
  entry.users += 1;
  registry.set(file, entry);
  return entry.queue;
}

export function releaseWritersOf(file: string): void {
  const registry = registered();
  const entry = registry.get(file);
  if (!entry) return;
  entry.users -= 1;
  if (entry.users === 0) registry.delete(file);
}

function registered(): Map<string, Registered> {
  const holder = globalThis as { [REGISTRY]?: Map<string, Registered> };
  return (holder[REGISTRY] ??= new Map<string, Registered>());
}
