import { basename, join } from 'node:path';
import { type Plugin, build } from 'esbuild';

/** Jest and campaigns are started there; of the two only Jest knows `__dirname`. */
const ROOT = process.cwd();

/** These find files beside them. */
const LEFT_OUT = ['better-sqlite3', 'esbuild'];

/** Puts packages in, too. Nest and TypeORM ask for many that are not there, and do without them. */
export const bundledPackages: Plugin = {
  name: 'packages',
  setup: (building) => {
    building.onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === bundledPackages) return undefined;
      const found = await building.resolve(path, { ...from, pluginData: bundledPackages });
      return LEFT_OUT.includes(path) || found.errors.length > 0 ? { path, external: true } : found;
    });
  },
};

/** What packages that are CommonJS find in a file that is not. */
const COMMONJS = [
  "import { createRequire as createRequireOfBundle } from 'node:module';",
  'const require = createRequireOfBundle(import.meta.url);',
  "const __filename = process.argv[1], __dirname = require('node:path').dirname(__filename);",
].join('');

/**
 * Makes one file of a process, and of the packages that it loads, for whoever starts it dozens of times: it is up in a
 * third of the time.
 *
 * @returns its path
 */
export function bundle(entry: string): Promise<string> {
  const known = bundles.get(entry) ?? bundleAlone(entry);
  bundles.set(entry, known);
  return known;
}

const bundles = new Map<string, Promise<string>>();

async function bundleAlone(entry: string): Promise<string> {
  const name = basename(entry, '.ts');
  return (await bundleAll({ [name]: entry }, `${process.pid}`))[name]!;
}

/**
 * As {@link bundle}, for several, which share the work.
 *
 * @param run names a folder of their own
 * @returns their paths, by their names
 */
export async function bundleAll<Name extends string>(
  entries: Record<Name, string>,
  run: string,
): Promise<Record<Name, string>> {
  // Packages that can't be bundled are found from where the file is.
  const outdir = join(ROOT, 'node_modules/.cache/processes', run);
  await build({
    entryPoints: entries,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    plugins: [bundledPackages],
    banner: { js: COMMONJS },
    keepNames: true,
    tsconfig: join(ROOT, 'tsconfig.json'),
  });
  const names = Object.keys(entries) as Name[];
  return Object.fromEntries(names.map((name) => [name, join(outdir, `${name}.mjs`)])) as Record<Name, string>;
}
