import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const BENCH = join(import.meta.dirname, '..');
export const PROGRAMS = join(BENCH, 'dist');
/** All contestants run on it: the newest pg-boss and graphile-worker need 22 or later. */
export const NODE = join(BENCH, 'node_modules/node-24/bin/node');

/** @throws Error when the bench's own packages are not installed */
export async function buildPrograms(): Promise<void> {
  if (!existsSync(NODE)) throw new Error('The bench has packages of its own: npm ci --prefix bench');
  rmSync(join(PROGRAMS, 'chunks'), { recursive: true, force: true });
  // As tsc compiles it, and not as tsx does, which wraps each closure: what is measured is what users run.
  await build({
    entryPoints: {
      director: join(import.meta.dirname, 'director.ts'),
      worker: join(import.meta.dirname, 'worker.ts'),
      roster: join(import.meta.dirname, 'roster.ts'),
      serve: join(BENCH, '../src/cli/main.ts'),
    },
    outdir: PROGRAMS,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    sourcemap: 'inline',
    tsconfig: join(BENCH, '../tsconfig.json'),
    logLevel: 'warning',
  });
}
