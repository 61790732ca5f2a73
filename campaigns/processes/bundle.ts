import { basename, dirname, join } from 'node:path';
import { copyFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Plugin, build } from 'esbuild';
import { bundledPackages } from '../../test/support/bundle.js';
import { JUDGED_FROM_MS } from './retention.js';

/** Campaigns and Jest are started there; of the two only Jest knows `__dirname`. */
const ROOT = process.cwd();
const HERE = join(ROOT, 'campaigns/processes');

/**
 * Makes one file of a process and of the packages that it loads. A campaign starts hundreds of processes: one is up in a
 * third of the time that it takes to load the packages, and that in a third of what `tsx` takes for the sources.
 *
 * @returns the file to start, in a folder of its own
 */
export async function bundleProcess(
  entry = join(HERE, 'main.ts'),
  { judgesEarly = false } = {},
): Promise<string> {
  // Packages that can't be bundled are found from where the file is.
  const name = `${basename(dirname(entry))}-${judgesEarly ? 'early-' : ''}${process.pid}`;
  const folder = join(ROOT, 'node_modules/.cache/campaigns', name);
  await build({
    entryPoints: [entry],
    outfile: join(folder, 'program.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    plugins: [bundledPackages, ...(judgesEarly ? [judgeEarly] : [])],
    keepNames: true,
    minifyWhitespace: true,
    // Nest's TypeORM module asks for what older ones of TypeORM had: from there it finds no TypeORM to load once more.
    define: { 'import.meta.url': '"file:///"' },
    tsconfig: join(ROOT, 'tsconfig.json'),
  });
  const start = join(folder, 'start.cjs');
  copyFileSync(join(HERE, 'start.cjs'), start);
  return start;
}

/** Whether a campaign's processes judge after {@link JUDGED_FROM_MS}. */
export function judgesEarly(campaign: string): boolean {
  return campaign === 'forgetting';
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
