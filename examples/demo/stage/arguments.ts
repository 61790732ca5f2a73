import { parseArgs } from 'node:util';
import { checkDatabaseUrl } from '../../shared/example-database.js';

export interface DemoArguments {
  payments: number;
  database: string | undefined;
  withoutDedup: boolean;
}

const USAGE = `  npm run demo -- [options]

  --payments N       how many payments there are (default 1000)
  --database URL     mysql://user:password@host:port/ or mariadb://…, where the demo creates a database of its own and
                     drops it in the end; or the URL of an empty one (default: a temporary SQLite file)
  --without-dedup    issues the cards without dedup, to show the extra ones`;

/** @throws Error saying what is wrong, and how it is right */
export function readArguments(args: string[]): DemoArguments {
  try {
    return check(args);
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}

function check(args: string[]): DemoArguments {
  const { values } = parseArgs({
    args,
    options: {
      payments: { type: 'string', default: '1000' },
      database: { type: 'string' },
      'without-dedup': { type: 'boolean', default: false },
    },
  });
  const { payments, database } = values;
  if (!/^[1-9]\d{0,6}$/.test(payments)) {
    throw new Error(`--payments must be a whole number from 1 (got ${payments}).`);
  }
  checkDatabaseUrl(database);
  return { payments: Number(payments), database, withoutDedup: values['without-dedup'] };
}
