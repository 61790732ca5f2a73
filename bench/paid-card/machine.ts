import { fdatasyncSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type as systemName } from 'node:os';
import { join, resolve } from 'node:path';
import type { Machine } from './results.js';

const SYNCS = 200;

/** @param node of the version that the contestants run on */
export function describeMachine(node: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: `${systemName()} ${release()}`,
    node,
    storage: storageOf(tmpdir()),
    syncMs: syncMs(),
    loadAverage: loadavg()[0]!,
  };
}

/** The file system under a folder, by the longest mount point above it. */
function storageOf(folder: string): string {
  const path = resolve(folder);
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point]) => point !== undefined)
    .filter(([, point]) => point === '/' || path === point || path.startsWith(`${point}/`));
  const [device, , kind, options] = mounts.sort((a, b) => b[1]!.length - a[1]!.length)[0] ?? [];
  return `${kind} on ${device} (${options})`;
}

/** What every commit pays, if nobody shares it: appending 4 KiB and having it on disk, in milliseconds. */
function syncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'mq-bench-sync-'));
  const file = openSync(join(folder, 'file'), 'w');
  const block = Buffer.alloc(4_096, 1);
  const took = Array.from({ length: SYNCS }, () => {
    const began = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    return performance.now() - began;
  });
  closeSync(file);
  rmSync(folder, { recursive: true });
  return took.sort((a, b) => a - b)[SYNCS / 2]!;
}
