/** Builds the package twice: ESM into dist/esm, CommonJS into dist/cjs. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';

const tsc = 'node_modules/typescript/bin/tsc';

execFileSync(process.execPath, ['scripts/embed-dashboard.mjs'], { stdio: 'inherit' });
rmSync('dist', { recursive: true, force: true });
for (const [project, folder, type] of [
  ['tsconfig.build.json', 'dist/esm', 'module'],
  ['tsconfig.cjs.json', 'dist/cjs', 'commonjs'],
]) {
  execFileSync(process.execPath, [tsc, '-p', project], { stdio: 'inherit' });
  mkdirSync(folder, { recursive: true });
  // The nearest package.json tells Node which kind of module the .js files are.
  writeFileSync(`${folder}/package.json`, `${JSON.stringify({ type })}\n`);
}
// For the Nest CLI, which requires what generates code.
for (const file of ['collection.json', 'schema.json']) {
  copyFileSync(`src/schematics/${file}`, `dist/cjs/schematics/${file}`);
}
