import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { dedupRows } from './dedup-rows.js';
import { forgettingBesideLoad } from './forgetting-beside-load.js';
import { oldReadView } from './old-read-view.js';
import type { KeyOrder } from './support/filled-dedup.js';

const USAGE = `npm run bench -- NAME --database URL [options]: see bench/README.md`;

process.exitCode = await bench(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  return 1;
});

async function bench(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      database: { type: 'string' },
      rounds: { type: 'string', default: '9' },
      sizes: { type: 'string', default: '0,1000000,10000000' },
      keys: { type: 'string', default: 'ordered,random' },
      pools: { type: 'string', default: '' },
      finished: { type: 'string', default: '40000,200000' },
      backlog: { type: 'string', default: '10000' },
      rows: { type: 'string', default: '1000000' },
      publishers: { type: 'string', default: '8' },
      window: { type: 'string', default: '15000' },
    },
  });
  const numbers = (list: string) => list.split(',').filter(Boolean).map(Number);
  const rounds = Number(values.rounds);
  const [name] = positionals;
  if (name === 'dedup-rows' && values.database) {
    await dedupRows({
      url: values.database,
      sizes: numbers(values.sizes),
      orders: values.keys.split(',') as KeyOrder[],
      rounds,
      pools: numbers(values.pools),
    });
    return 0;
  }
  if (name === 'old-read-view') {
    await oldReadView({
      url: values.database,
      finished: numbers(values.finished),
      backlog: Number(values.backlog),
      rounds,
    });
    return 0;
  }
  if (name === 'forgetting-beside-load' && values.database) {
    await forgettingBesideLoad({
      url: values.database,
      rows: Number(values.rows),
      publishers: Number(values.publishers),
      rounds,
      windowMs: Number(values.window),
    });
    return 0;
  }
  console.error(USAGE);
  return 2;
}
