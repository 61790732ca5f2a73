import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import type { Results } from '../results.js';
import { plotsOf } from './plots.js';
import { undisturbed, whyNotQuiet } from './quiet.js';
import { tablesOf } from './tables.js';

const RESULTS = 'results.json';

export async function writeReport(results: Results, folder: string): Promise<void> {
  await writeFormatted(join(folder, RESULTS), JSON.stringify(results), 'json');
  await render(folder);
}

/** Figures and plots of a run, as often as one likes. */
export async function render(folder: string): Promise<void> {
  const results = JSON.parse(readFileSync(join(folder, RESULTS), 'utf8')) as Results;
  const file = join(folder, 'figures.md');
  writeFileSync(
    file,
    await format(tablesOf(results), { ...(await resolveConfig(file)), parser: 'markdown' }),
  );
  for (const [name, svg] of plotsOf(undisturbed(results))) writeFileSync(join(folder, name), svg);
  for (const reason of whyNotQuiet(results)) console.error(`NOT A RESULT: ${reason}`);
  console.error(`written to ${folder}`);
}

/** As the repository's own check wants it. */
async function writeFormatted(file: string, content: string, parser: 'json' | 'markdown'): Promise<void> {
  writeFileSync(file, await format(content, { ...(await resolveConfig(file)), parser }));
}
