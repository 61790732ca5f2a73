import { stat } from 'node:fs/promises';
import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/** What of a SQLite file's write-ahead log can't be taken into the file, because somebody reads as of before it. */
export interface HeldWal {
  /** The log. */
  file: string;
  bytes: number;
}

/**
 * The log never gets shorter, so its size alone says what it once was. Where it is long, a checkpoint is tried, which
 * waits for nobody and says how much it had to leave: each commit tries the same, once there are 1,000 pages.
 */
export async function findHeldWal(
  { dialect }: Pick<Database, 'dialect'>,
  on: Connection,
  { longerThanBytes }: { longerThanBytes: number },
): Promise<HeldWal | undefined> {
  if (dialect.engine !== 'sqlite') return undefined;
  const databases = await read<{ name: string; file: string }>(on, 'PRAGMA database_list', []);
  const main = databases.find(({ name }) => name === 'main')?.file;
  if (!main) return undefined;
  const file = `${main}-wal`;
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= longerThanBytes) return undefined;
  const [{ page_size: pageSize } = { page_size: 0 }] = await read<{ page_size: number }>(
    on,
    'PRAGMA page_size',
    [],
  );
  const [checkpoint] = await read<{ log: number; checkpointed: number }>(on, 'PRAGMA wal_checkpoint', []);
  // Both are -1 where another one was at it.
  const bytes = checkpoint ? (checkpoint.log - checkpoint.checkpointed) * pageSize : 0;
  return bytes > longerThanBytes ? { file, bytes } : undefined;
}
