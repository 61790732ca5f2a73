/**
 * Puts the dashboard's page into src/dashboard/assets.generated.ts, as texts: so it is found in both formats of the package,
 * and in an app that a bundler made one file of. A test says when the file is not that of the sources.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const client = fileURLToPath(new URL('../src/dashboard/client/', import.meta.url));
const generated = fileURLToPath(new URL('../src/dashboard/assets.generated.ts', import.meta.url));

/** @returns the text of the file */
export async function embedded() {
  const { outputFiles } = await build({
    entryPoints: [`${client}app.ts`],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    // What a browser shows is to be read as well.
    minify: false,
    tsconfigRaw: {},
  });
  const assets = {
    'page.html': await readFile(`${client}page.html`, 'utf8'),
    'style.css': await readFile(`${client}style.css`, 'utf8'),
    'app.js': outputFiles[0].text,
  };
  const entries = Object.entries(assets).map(
    ([name, text]) => `  ${JSON.stringify(name)}: ${JSON.stringify(text)},\n`,
  );
  return `// Made of src/dashboard/client by scripts/embed-dashboard.mjs (npm run build:dashboard): change it there.\nexport const ASSETS = {\n${entries.join('')}} as const;\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(generated, await embedded());
