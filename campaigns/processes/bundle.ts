import { basename, dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { type Plugin, build } from 'esbuild';
import { JUDGED_FROM_MS } from './retention.js';

const ROOT = join(import.meta.dirname, '../..');

/**
 * Makes one file of what a process loads. Loading it takes a third of the time that `tsx` takes for the sources, and a
 * campaign starts hundreds of processes.
 */
export async function bundleProcess(
  entry = join(import.meta.dirname, 'main.ts'),
  { judgesEarly = false } = {},
): Promise<string> {
  // Packages are found from where the file is.
  const outfile = join(
    ROOT,
    'node_modules/.cache/campaigns',
    `${basename(dirname(entry))}-${process.pid}.mjs`,
  );
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    plugins: judgesEarly ? [judgeEarly] : [],
    keepNames: true,
    tsconfig: join(ROOT, 'tsconfig.json'),
  });
  return outfile;
}

const HALF_AN_HOUR = 'JUDGED_FROM_MS = 30 * 60 * 1000';

/** A slack of an hour is the shortest one that the options allow, unless that is half a second. */
const judgeEarly: Plugin = {
  name: 'judge-early',
  setup: (building) => {
    building.onLoad({ filter: /judge-age\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (!source.includes(HALF_AN_HOUR)) throw new Error(`${path} does not say ${HALF_AN_HOUR} any more.`);
      return { contents: source.replace(HALF_AN_HOUR, `JUDGED_FROM_MS = ${JUDGED_FROM_MS}`), loader: 'ts' };
    });
  },
};
