import { statfsSync } from 'node:fs';

const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 4 * 1024 ** 3;

/**
 * Lets the servers' data and the tests' files live in memory where the machine has enough of it: the tests kill
 * processes, never the power, so that waiting for a disk would prove nothing more. TMPDIR, if it is set, decides.
 */
export function useMemoryForTemporaryFiles() {
  if (process.env.TMPDIR || process.platform !== 'linux') return;
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize >= ENOUGH_BYTES) process.env.TMPDIR = MEMORY;
  } catch {
    // No such file system here: the disk it is.
  }
}
