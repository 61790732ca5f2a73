import 'reflect-metadata';
import { type Arguments, USAGE, readArguments } from './arguments.js';
import { backlogs } from './backlogs.js';
import { dedupRows } from './dedup-rows.js';
import { forgettingBesideLoad } from './forgetting-beside-load.js';
import { listeners } from './listeners.js';
import { memory } from './memory.js';
import { oldReadView } from './old-read-view.js';
import { paidCard } from './paid-card/paid-card.js';
import { shapes } from './shapes.js';

process.exitCode = await bench(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  return 1;
});

/** @returns the exit status: 0 measured, 1 it could not be, 2 called wrongly */
async function bench(argv: readonly string[]): Promise<number> {
  let args: Arguments;
  try {
    args = readArguments(argv);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  return (await run(args)) === false ? 1 : 0;
}

/** @returns false: what was measured is void */
function run({ name, url, keys: orders, ...args }: Arguments): Promise<void | boolean> {
  switch (name) {
    case 'paid-card':
      return paidCard({ ...args, rounds: args.givenRounds });
    case 'backlogs':
      return backlogs({ url: url!, ...args });
    case 'memory':
      return memory({ url, messages: args.messages ?? 1_000_000 });
    case 'shapes':
      return shapes({ url, ...args, named: args.servers });
    case 'listeners':
      return listeners({ url, ...args });
    case 'old-read-view':
      return oldReadView({ url, ...args });
    case 'dedup-rows':
      return dedupRows({ url: url!, orders, ...args });
    case 'forgetting-beside-load':
      return forgettingBesideLoad({ url: url!, ...args });
  }
}
