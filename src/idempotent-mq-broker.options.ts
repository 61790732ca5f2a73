import { type DataSource, type DataSourceOptions } from 'typeorm';
import { InvalidOptionError } from './errors/index.js';
import { MIN_RETENTION_MS, MIN_UNROUTED_MS } from './options/retention.options.js';
import { DAY_MS, MAX_TIMER_MS, MAX_WAIT_MS, bool, oneOf, whole } from './options/values.js';
import { type BrokerToken, Tokens, isLoopback } from './service/index.js';
import { DEFAULT_TABLE_PREFIX } from './storage/index.js';

/** What `IdempotentMqBrokerModule.forRoot` takes, and what the factory of `forRootAsync` returns. */
export interface IdempotentMqBrokerOptions {
  /** The broker's database: TypeORM's options for it, or a DataSource that is initialized. */
  dataSource: DataSourceOptions | DataSource;
  /**
   * Who may do what. On a port of its own they may be left out: then the service speaks with programs of its own machine
   * alone. Mounted in an app it needs them, or `'none'`, which says that no proxy stands in front of the app: many (nginx
   * as it comes) don't tell for whom they ask, and their requests look as if they came from this machine.
   *
   * @default none, with `listen`
   */
  tokens?: readonly BrokerToken[] | 'none';
  /**
   * A port of its own. Left out, the service answers on the app's own HTTP server, below `basePath`. `host` is 127.0.0.1
   * unless it is given, and must be of this machine where there are no tokens; port 0 takes one that is free.
   *
   * @default the app's HTTP server
   */
  listen?: { host?: string; port: number };
  /** Where the operations are: `<basePath>/v1/claim`. @default '/idempotent-mq', and '' with a port of its own */
  basePath?: string;
  /** As in `IdempotentMqModule.forRoot`. @default 'migrations' */
  schema?: 'ensure' | 'migrations';
  /** As in `IdempotentMqModule.forRoot`. @default 'require' */
  durability?: 'require' | 'warn';
  /** As in `IdempotentMqModule.forRoot`. @default 'mq_' */
  tablePrefix?: string;
  /** Whether this instance does again what processes that died left undone; one of several is enough. @default true */
  sweep?: boolean;
  retention?: {
    /** As in `IdempotentMqModule.forRoot`. @default 7 days */
    unroutedMs?: number;
    /** As in `IdempotentMqModule.forRoot`; all instances should have the same. @default 7 days */
    innerMsgIdWindowMs?: number;
    /** As in `IdempotentMqModule.forRoot`. @default 90 days */
    deadLetterMs?: number;
    /** As in `IdempotentMqModule.forRoot`. @default 90 days */
    quarantineMs?: number;
  };
  limits?: {
    /** Longest body of a request, in bytes. A message may be half of it. @default 8388608 */
    bodyBytes?: number;
    /** Longest that the body of a request may take to come, in milliseconds. @default 10000 */
    bodyTimeoutMs?: number;
    /** Requests that are worked on at once, a long poll while it doesn't wait among them; more are told to come again. @default 500 */
    requests?: number;
  };
  /** Connections to the database (not on SQLite). @default 10 */
  connections?: number;
  /** Longest that a statement may take, or wait for a connection, in milliseconds. @default 15000 */
  statementTimeoutMs?: number;
  /** How long a writer of SQLite waits for the write lock, in milliseconds. @default 10000 */
  writeWaitMs?: number;
  /** How long a shutdown waits for requests that are under way, in milliseconds. @default 10000 */
  shutdownTimeoutMs?: number;
}

/** What a class for `forRootAsync({ useClass })` or `{ useExisting }` has to have. */
export interface IdempotentMqBrokerOptionsFactory {
  createIdempotentMqBrokerOptions(): IdempotentMqBrokerOptions | Promise<IdempotentMqBrokerOptions>;
}

export type ResolvedBrokerOptions = ReturnType<typeof resolveBrokerOptions>;

const KNOWN: Record<string, readonly string[]> = {
  '': [
    'dataSource',
    'tokens',
    'listen',
    'basePath',
    'schema',
    'durability',
    'tablePrefix',
    'sweep',
    'retention',
    'limits',
    'connections',
    'statementTimeoutMs',
    'writeWaitMs',
    'shutdownTimeoutMs',
  ],
  listen: ['host', 'port'],
  retention: ['unroutedMs', 'innerMsgIdWindowMs', 'deadLetterMs', 'quarantineMs'],
  limits: ['bodyBytes', 'bodyTimeoutMs', 'requests'],
};

const MAX_PORT = 65_535;
const MAX_CONNECTIONS = 1_000;
const MIN_BODY_BYTES = 4_096;
const MAX_BODY_BYTES = 512 * 1024 * 1024;
/** Shorter than any outage, the quarantine would fill. */
const MIN_WINDOW_MS = 60_000;
const BASE_PATH = /^(\/[A-Za-z0-9._~-]+)*$/;

/** @throws InvalidOptionError naming the option and what came */
export function resolveBrokerOptions(options: IdempotentMqBrokerOptions) {
  checkKeys(options);
  const { dataSource, retention = {}, limits = {}, listen, tokens } = options;
  checkDataSource(dataSource);
  const known = resolveTokens(tokens, listen !== undefined);
  const kept = (option: 'deadLetterMs' | 'quarantineMs') =>
    whole(`retention.${option}`, retention[option], 90 * DAY_MS, MAX_WAIT_MS, MIN_RETENTION_MS);
  return {
    dataSource,
    tokens: known,
    listen: listen && resolveListen(listen, known.areNeeded),
    basePath: resolveBasePath(options.basePath, listen !== undefined),
    schema: oneOf('schema', options.schema, ['ensure', 'migrations'] as const, 'migrations'),
    durability: oneOf('durability', options.durability, ['require', 'warn'] as const, 'require'),
    tablePrefix: options.tablePrefix ?? DEFAULT_TABLE_PREFIX,
    sweep: bool('sweep', options.sweep, true),
    retention: {
      unroutedMs: whole(
        'retention.unroutedMs',
        retention.unroutedMs,
        7 * DAY_MS,
        MAX_WAIT_MS,
        MIN_UNROUTED_MS,
      ),
      innerMsgIdWindowMs: whole(
        'retention.innerMsgIdWindowMs',
        retention.innerMsgIdWindowMs,
        7 * DAY_MS,
        MAX_WAIT_MS,
        MIN_WINDOW_MS,
      ),
      deadLetterMs: kept('deadLetterMs'),
      quarantineMs: kept('quarantineMs'),
    },
    limits: {
      bodyBytes: whole('limits.bodyBytes', limits.bodyBytes, 8 * 1024 * 1024, MAX_BODY_BYTES, MIN_BODY_BYTES),
      bodyTimeoutMs: whole('limits.bodyTimeoutMs', limits.bodyTimeoutMs, 10_000, MAX_TIMER_MS),
      requests: whole('limits.requests', limits.requests, 500),
    },
    connections: whole('connections', options.connections, 10, MAX_CONNECTIONS),
    statementTimeoutMs: whole('statementTimeoutMs', options.statementTimeoutMs, 15_000, MAX_TIMER_MS),
    writeWaitMs: whole('writeWaitMs', options.writeWaitMs, 10_000, MAX_TIMER_MS),
    shutdownTimeoutMs: whole('shutdownTimeoutMs', options.shutdownTimeoutMs, 10_000, MAX_TIMER_MS),
  };
}

function checkKeys(options: IdempotentMqBrokerOptions): void {
  for (const [path, known] of Object.entries(KNOWN)) {
    const value: unknown = path ? (options as unknown as Record<string, unknown>)[path] : options;
    if (value === undefined && path) continue;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidOptionError(path || 'forRoot(options)', value, 'an object');
    }
    const stray = Object.keys(value).find((key) => !known.includes(key));
    if (stray !== undefined) {
      const option = path ? `${path}.${stray}` : stray;
      const expected = `left out: it is not an option. Known are ${known.join(', ')}`;
      throw new InvalidOptionError(option, (value as Record<string, unknown>)[stray], expected);
    }
  }
}

function checkDataSource(dataSource: unknown): void {
  const isOne =
    typeof dataSource === 'object' && dataSource !== null && ('type' in dataSource || 'driver' in dataSource);
  const expected = "TypeORM's options for the broker's database, or a DataSource that is initialized";
  if (!isOne) {
    throw new InvalidOptionError('dataSource', typeof dataSource === 'string' ? '***' : dataSource, expected);
  }
  if ('isInitialized' in dataSource && !dataSource.isInitialized) {
    // Nobody would close it.
    throw new InvalidOptionError('dataSource', 'a DataSource that is not initialized', expected);
  }
}

function resolveTokens(given: IdempotentMqBrokerOptions['tokens'], hasPort: boolean): Tokens {
  if (Array.isArray(given) && given.length === 0) {
    throw new InvalidOptionError(
      'tokens',
      given,
      'a list with at least one token: with none in it, everybody could do everything. Leave it out where that is meant',
    );
  }
  const tokens = new Tokens(given === undefined || given === 'none' ? [] : given);
  if (!hasPort && !tokens.areNeeded && given !== 'none') {
    throw new InvalidOptionError(
      'tokens',
      given,
      'a list of who may do what where the service is mounted in an app (without the option listen): a request that a proxy ' +
        "passes on can look like one of this machine. Set tokens, or 'none' if no proxy stands in front of this app",
    );
  }
  return tokens;
}

function resolveListen({ host = '127.0.0.1', port }: { host?: string; port: number }, hasTokens: boolean) {
  if (typeof host !== 'string' || host === '') {
    throw new InvalidOptionError('listen.host', host, 'an address of this machine, such as 0.0.0.0');
  }
  if (!hasTokens && !isLoopback(host)) {
    throw new InvalidOptionError(
      'listen.host',
      host,
      '127.0.0.1 where there are no tokens: anybody in the network could take messages, and publish some. Set the option tokens',
    );
  }
  if (port === undefined)
    throw new InvalidOptionError('listen.port', port, `a whole number from 0 to ${MAX_PORT}`);
  return { host, port: whole('listen.port', port, 0, MAX_PORT, 0) };
}

function resolveBasePath(given: unknown, hasPort: boolean): string {
  if (given === undefined) return hasPort ? '' : '/idempotent-mq';
  // Mounted at '', it would answer for all routes of the app.
  if (typeof given === 'string' && BASE_PATH.test(given) && (given !== '' || hasPort)) return given;
  const orNone = hasPort ? ", or ''" : " ('' would take all routes of the app)";
  throw new InvalidOptionError('basePath', given, `a path like '/mq', without a slash at its end${orNone}`);
}
