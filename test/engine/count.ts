import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { HelpWanted, runExample } from '../../examples/shared/run-example.js';
import { bundle } from '../support/bundle.js';
import { ALL_ENGINES, type Engine } from '../support/engines.js';
import { type CountedRun, VARIANTS, type Variant, countedRun } from './counted-run.js';
import { ENGINES, type EngineName } from './engines.js';

const USAGE = `  npm run campaign:rabbitmq -- [options], or campaign:jetstream

The counted run at length, on a server of its own, which is killed and started again meanwhile.

  --messages N     how many are published, from 500 (default 20000)
  --engine NAME    the database of sender and workers: ${ALL_ENGINES.join(', ')} (default sqlite; the others as MQ_TEST_…_URL says)
  --variant NAME   ${VARIANTS.join(', ')} (default as-it-is)

exit status: 0 nothing was lost or doubled; 1 something was, or it could not be run`;

const WITHIN_S = 86_400;

await runExample(async (inTime) => {
  const wanted = readArguments(process.argv.slice(2));
  const worker = await bundle(fileURLToPath(new URL('worker.ts', import.meta.url)));
  const counts = await inTime(countedRun({ ...wanted, worker, log: (line) => console.log(line) }), WITHIN_S);
  console.log(JSON.stringify(counts, undefined, 2));
  return counts.lost === 0 && counts.doubled === 0 ? 0 : 1;
});

/** @throws Error saying what is wrong, and how it is right */
function readArguments(args: string[]): Pick<CountedRun, 'broker' | 'messages' | 'engine' | 'variant'> {
  try {
    const { values } = parseArgs({
      args,
      options: {
        broker: { type: 'string', default: 'rabbitmq' },
        messages: { type: 'string', default: '20000' },
        engine: { type: 'string', default: 'sqlite' },
        variant: { type: 'string', default: 'as-it-is' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) throw new HelpWanted(USAGE);
    const messages = Number(values.messages);
    if (!Number.isSafeInteger(messages) || messages < 500)
      throw new Error(`--messages must be a whole number from 500 (got ${values.messages}).`);
    return {
      messages,
      broker: oneOf<EngineName>('--broker', values.broker, Object.keys(ENGINES) as EngineName[]),
      engine: oneOf<Engine>('--engine', values.engine, ALL_ENGINES),
      variant: oneOf<Variant>('--variant', values.variant, VARIANTS),
    };
  } catch (cause) {
    if (cause instanceof HelpWanted) throw cause;
    throw new Error(`${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}

function oneOf<T extends string>(option: string, value: string, all: readonly T[]): T {
  const found = all.find((one) => one === value);
  if (found !== undefined) return found;
  throw new Error(`${option} must be one of ${all.join(', ')} (got ${value}).`);
}
