import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleProcess } from '../processes/bundle.js';
import { driveNonsense } from './drive.js';

/** `npm run nonsense -- --seed S --size N`: that many malformed requests to a broker service. */
const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, size: { type: 'string', default: '100000' } },
});
const folder = mkdtempSync(join(tmpdir(), 'mq-nonsense-'));
const file = await bundleProcess(join(import.meta.dirname, 'service-process.ts'));
try {
  const findings = await driveNonsense(file, join(folder, 'broker.sqlite'), {
    seed: values.seed,
    size: Number(values.size),
  });
  console.log(JSON.stringify(findings, null, 2));
  process.exitCode = findings.wrong.length > 0 ? 1 : 0;
} finally {
  for (const made of [folder, dirname(file)]) rmSync(made, { recursive: true, force: true });
}
