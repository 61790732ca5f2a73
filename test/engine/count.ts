/**
 * `npm run campaign:rabbitmq -- [--messages 20000] [--engine sqlite] [--variant as-it-is]`, or `campaign:jetstream`: the
 * counted run at length, on a server of its own. Exits with 0 when nothing was lost or doubled.
 */
import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { bundle } from '../support/bundle.js';
import type { Engine } from '../support/engines.js';
import { type Variant, countedRun } from './counted-run.js';
import type { EngineName } from './engines.js';

const { values } = parseArgs({
  options: {
    broker: { type: 'string', default: 'rabbitmq' },
    messages: { type: 'string', default: '20000' },
    engine: { type: 'string', default: 'sqlite' },
    variant: { type: 'string', default: 'as-it-is' },
  },
});
const worker = await bundle(fileURLToPath(new URL('worker.ts', import.meta.url)));
const counts = await countedRun({
  broker: values.broker as EngineName,
  messages: Number(values.messages),
  engine: values.engine as Engine,
  variant: values.variant as Variant,
  worker,
  log: (line) => console.log(line),
});
console.log(JSON.stringify(counts, undefined, 2));
process.exit(counts.lost === 0 && counts.doubled === 0 ? 0 : 1);
