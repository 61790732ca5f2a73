import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { checkDatabaseUrl } from '../shared/example-database.js';

const USAGE = `  npm run example:webhooks -- [options]

  --database URL     mysql://user:password@host:port/, mariadb://… or postgres://…, where the example creates a database
                     of its own and drops it in the end; or the URL of an empty one (default: a temporary SQLite file)
  --seed N           repeats the order of an earlier run`;

/** @throws Error saying what is wrong, and how it is right */
export function readArguments(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: { database: { type: 'string' }, seed: { type: 'string' } },
    });
    const { database, seed = String(randomInt(2 ** 31)) } = values;
    if (!/^\d{1,10}$/.test(seed)) throw new Error(`--seed must be a whole number (got ${seed}).`);
    checkDatabaseUrl(database);
    return { database, seed: Number(seed) };
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}
