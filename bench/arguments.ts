import { parseArgs } from 'node:util';
import { SIZES, type SizeName } from './paid-card/sizes.js';
import { engineOf } from './support/database.js';
import type { KeyOrder } from './support/filled-dedup.js';
import type { Urls } from './support/servers.js';

export const USAGE = `npm run bench -- NAME [options]

  NAME              paid-card, backlogs, old-read-view, dedup-rows, forgetting-beside-load, memory, shapes or listeners; bench/README.md says what each of them measures
  --database URL    mariadb:// or mysql://, of a user who may create databases; left out, old-read-view, memory and listeners take SQLite. paid-card starts its servers itself, and so does shapes, which takes postgres:// and sqlite: too
  --rounds N        9 unless given; of paid-card, as many as its size has

  paid-card               --size small|quick|full  --messages N  --only PART,PART  --out FOLDER  --render FOLDER
  old-read-view           --finished N,N  --backlog N
  dedup-rows              --sizes N,N     --keys ordered,random     --pools MIB,MIB
  forgetting-beside-load  --rows N        --publishers N            --window MS
  memory                  --messages N
  shapes                  --payments N    --only PART,PART          --postgres URL  --rabbitmq URL  --jetstream URL
  listeners               --payments N`;

const NAMES = [
  'paid-card',
  'backlogs',
  'old-read-view',
  'dedup-rows',
  'forgetting-beside-load',
  'memory',
  'shapes',
  'listeners',
] as const;
/** What these measure there is with SQLite, or they start their servers themselves. */
const WITHOUT_SERVER: readonly string[] = ['paid-card', 'old-read-view', 'memory', 'shapes', 'listeners'];
const KEY_ORDERS = ['ordered', 'random'] as const;

export interface Arguments {
  name: (typeof NAMES)[number];
  url: string | undefined;
  rounds: number;
  finished: number[];
  backlog: number;
  sizes: number[];
  keys: KeyOrder[];
  pools: number[];
  rows: number;
  publishers: number;
  windowMs: number;
  payments: number;
  size: SizeName;
  only: string[];
  /** Servers that need not be started. */
  servers: Urls;
  /** As it was given. */
  messages: number | undefined;
  out: string | undefined;
  render: string | undefined;
  /** As it was given. */
  givenRounds: number | undefined;
}

/** @throws Error that says what is wrong */
export function readArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      database: { type: 'string' },
      rounds: { type: 'string' },
      finished: { type: 'string', default: '40000,200000' },
      backlog: { type: 'string', default: '10000' },
      sizes: { type: 'string', default: '0,1000000,10000000' },
      keys: { type: 'string', default: KEY_ORDERS.join(',') },
      pools: { type: 'string', default: '' },
      rows: { type: 'string', default: '1000000' },
      publishers: { type: 'string', default: '8' },
      window: { type: 'string', default: '3000' },
      payments: { type: 'string', default: '500' },
      size: { type: 'string', default: 'full' },
      only: { type: 'string', default: '' },
      messages: { type: 'string' },
      postgres: { type: 'string' },
      rabbitmq: { type: 'string' },
      jetstream: { type: 'string' },
      out: { type: 'string' },
      render: { type: 'string' },
    },
  });
  const name = NAMES.find((each) => each === positionals[0]);
  if (!name || positionals.length > 1) {
    throw new Error(`NAME must be one of ${NAMES.join(', ')} (got ${positionals.join(' ') || 'none'}).`);
  }
  if (!WITHOUT_SERVER.includes(name) && values.database === undefined) {
    throw new Error(`${name} needs --database: it is about a server.`);
  }
  if (values.database !== undefined) checkDatabase(name, values.database);
  const { postgres, rabbitmq, jetstream } = values;
  return {
    name,
    url: values.database,
    servers: {
      ...(postgres && { postgres }),
      ...(rabbitmq && { rabbitmq }),
      ...(jetstream && { jetstream }),
    },
    rounds: number('--rounds', values.rounds ?? '9'),
    givenRounds: values.rounds === undefined ? undefined : number('--rounds', values.rounds),
    finished: numbers('--finished', values.finished),
    backlog: number('--backlog', values.backlog),
    sizes: numbers('--sizes', values.sizes),
    keys: keyOrders(values.keys),
    pools: numbers('--pools', values.pools),
    rows: number('--rows', values.rows),
    publishers: number('--publishers', values.publishers),
    windowMs: number('--window', values.window),
    payments: number('--payments', values.payments),
    size: sizeName(values.size),
    only: values.only.split(',').filter(Boolean),
    messages: values.messages === undefined ? undefined : number('--messages', values.messages),
    out: values.out,
    render: values.render,
  };
}

/** All but shapes speak to their server through mysql2. */
function checkDatabase(name: string, url: string): void {
  const engine = engineOf(url);
  if (name === 'shapes' || engine === 'mariadb' || engine === 'mysql') return;
  throw new Error(`--database of ${name} must begin with mariadb:// or mysql:// (got ${engine}:).`);
}

function number(option: string, value: string): number {
  const wanted = Number(value);
  if (value !== '' && Number.isSafeInteger(wanted) && wanted >= 0) return wanted;
  throw new Error(`${option} must be a whole number (got ${value || 'nothing'}).`);
}

function numbers(option: string, list: string): number[] {
  return list === '' ? [] : list.split(',').map((value) => number(option, value));
}

function sizeName(value: string): SizeName {
  if (Object.hasOwn(SIZES, value)) return value as SizeName;
  throw new Error(`--size must be one of ${Object.keys(SIZES).join(', ')} (got ${value || 'nothing'}).`);
}

function keyOrders(list: string): KeyOrder[] {
  return list.split(',').map((value) => {
    const order = KEY_ORDERS.find((each) => each === value);
    if (order) return order;
    throw new Error(`--keys must be of ${KEY_ORDERS.join(', ')} (got ${value || 'nothing'}).`);
  });
}
