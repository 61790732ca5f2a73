import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm';
import {
  CONSUMER_DEFAULTS,
  type ConsumerSettings,
  type IdempotentSettings,
  JUDGED_FROM_MS,
  resolveConsumerOptions,
} from './consumer/index.js';
import { InvalidOptionError } from './errors/index.js';
import { DEFAULT_TABLE_PREFIX, dialectOf } from './storage/index.js';
import type { BrokerByEngine } from './transport/engine/port.js';
import type { Transport } from './transport/port.js';
import { BUSY_POLL_MS } from './waiting/index.js';
import { DEFAULT_PAYLOAD_LIMITS, NAME_RULE, type AnyTopic, checkTopic, isName } from './topic/index.js';

/*
 * Glossary
 *
 * topic          what publishers and consumers agree on: a name, a payload type, a biz-id
 * group          a receiving business; each group gets every message of the topics that it subscribes to
 * subscription   a group and a topic
 * message        one publish; stored once, however often it is sent
 * inner-msg-id   made by the publisher's client for each message, globally unique, means nothing to the business
 * biz-id         put into the body by the sending business; what the receiving business deduplicates on
 * scenario       the namespace in which a biz-id is unique: (group, topic) unless it is given
 * ordering key   what a message is about; a group handles the messages of one topic and key one at a time, in their order
 * land           the broker stores a message (step 2)
 * outbox         where a message waits in the publisher's own database for its ACK (3), if the broker has another one
 * relay          sends what is in the outbox, again and again under the same inner-msg-id, until its ACK (3) comes
 * accepted id    an inner-msg-id that the broker has stored a message for, and remembers
 * floor          the inner-msg-id at or below which the broker has forgotten the accepted ones
 * quarantine     for a message that nobody can tell from a repeat: neither stored nor dropped
 * delivery       what a subscription still has to do about a message
 * claim, lease   a worker takes deliveries, each for a time that it renews; the claim's id is the lease token
 * ACK            the receiving business says that it is done
 * dedup row      the receiving business's note that a biz-id took effect
 * mark           what landed before it may have lost its dedup row: it is judged by nothing any more, and not run
 * watermark      whatever can still come has landed after it, but for what waits and is known by name
 * slack          longer than any publishing transaction: what landed that long ago is there for all to see
 * fingerprint    16 bytes that stand for what a body says; kept in the dedup row where its consumer asks for it
 * conflict       a biz-id that comes again with another body than the one that took effect
 * contract       how a topic's biz-ids are read from its bodies, as a scenario remembers it
 * witness        the ACK as the last statement of the consumer's transaction, taken only if the dedup row is there
 * slice          deliveries of one consumer that share a transaction
 * waiting        a delivery that is set aside until a time
 * parked         a message that found no group
 * dead letter    a delivery that is not tried any more
 * torn           a transaction that was broken from within and may have left something durable
 */

/** What `IdempotentMqModule.forRoot` takes, and what the factory of `forRootAsync` returns. */
export interface IdempotentMqOptions {
  /**
   * `ensure` creates the library's tables at start, for development and tests. `migrations` only checks that they are
   * there: run `npx nestjs-idempotent-mq migrate`, or put `idempotentMqMigrations()` into your own list.
   *
   * @default 'migrations'
   */
  schema?: 'ensure' | 'migrations';
  /**
   * What to do where the database's settings lose commits that it has acknowledged: `require` refuses to start, `warn`
   * says so in the log.
   *
   * @default 'require'
   */
  durability?: 'require' | 'warn';
  /**
   * Where the broker's tables are. Left out, they are in the app's own database: then a publish and a consume are one
   * commit each. In a database of its own, or as a service of its own, each business keeps an outbox and a dedup log in its
   * own database, and a relay sends from the one to the other. So with an engine in the broker's place:
   * `rabbitmq({ url })` of `nestjs-idempotent-mq/rabbitmq`.
   *
   * @default the app's own database
   */
  broker?: BrokerInDatabase | BrokerByUrl | BrokerByEngine;
  /** How what is in the outbox gets to a broker with a database of its own. */
  relay?: {
    /** Most messages that are sent together. @default 500 */
    batch?: number;
    /** How long to wait for an ACK before the same is sent again, in milliseconds. @default 10000 */
    ackTimeoutMs?: number;
    /**
     * How often an idle relay looks, in milliseconds. A publish in its own process wakes it at once; after one of another
     * process it looks soon again, from 5 ms on. @default 200
     */
    pollMs?: number;
    /** Wait before a message is sent again, in milliseconds; it doubles. @default 500 */
    delayMs?: number;
    /** Longest wait before a message is sent again, in milliseconds. @default 30000 */
    maxDelayMs?: number;
  };
  /** Put before the names of the library's tables. @default 'mq_' */
  tablePrefix?: string;
  /** What this process does. @default all of it */
  roles?: { consume?: boolean; relay?: boolean; sweep?: boolean };
  /** Settings for all consumers; each may have its own. */
  consumers?: ConsumerSettings &
    IdempotentSettings & {
      /**
       * Connections for handlers, and as many again for `IdempotentExecutor`, beside the app's pool (MySQL and MariaDB). At
       * least the concurrency of each consumer; consumers share them.
       *
       * @default the app's pool size (or 10), or `concurrency` where that is more
       */
      connections?: number;
      /**
       * How often an idle worker asks for deliveries, in milliseconds. Within a process, and by a broker service, it is told at
       * once. Where it finds what another process has published, it asks soon again: from 5 ms on, and then ever less often.
       *
       * @default 200; 500 with a broker service
       */
      pollMs?: number;
      /** Leases that a delivery may lose while it runs alone in a process; with this many it goes to the dead letters. @default 5 */
      maxLostLeases?: number;
    };
  payload?: {
    /** Longest body, in bytes of JSON. @default 1048576 */
    maxBytes?: number;
    /** Deepest nesting. @default 64 */
    maxDepth?: number;
  };
  retention?: {
    /**
     * How long a message waits for a first group to subscribe before it is dead-lettered, in milliseconds from 60000. Longer
     * than a deploy that brings a new topic's publisher before its consumer.
     *
     * @default 7 days
     */
    unroutedMs?: number;
    /**
     * How long the broker remembers an inner-msg-id that a relay sent, in milliseconds. What is sent again later is
     * quarantined. It has to be much longer than a message may take to get through.
     *
     * @default 7 days
     */
    innerMsgIdWindowMs?: number;
    /**
     * How long a biz-id is known after it took effect, in milliseconds: repeats that land within this time are absorbed. At
     * least `slackMs`; with a broker apart, at least `slackMs` and `innerMsgIdWindowMs` together.
     *
     * @default 30 days
     */
    dedupMs?: number;
    /**
     * Longer than the longest transaction that publishes, in milliseconds from an hour. What such a transaction publishes
     * that was open for longer may not be run, but be dead-lettered (`too-old-to-judge`).
     *
     * @default a day
     */
    slackMs?: number;
    /** Scenarios of `IdempotentExecutor` that have a time of their own in place of `dedupMs`, in milliseconds from 60000. @default none */
    executors?: Readonly<Record<string, number>>;
    /** How long a dead letter is kept for somebody to decide about it, in milliseconds from 60000. @default 90 days */
    deadLetterMs?: number;
    /** How long a quarantined copy is kept for somebody to decide about it, in milliseconds from 60000. @default 90 days */
    quarantineMs?: number;
  };
  /** Topics to register at start that are defined in files which this process has not loaded yet. */
  topics?: readonly AnyTopic[];
  /** Finds the ambient transaction of another library (nestjs-cls, typeorm-transactional). */
  currentManager?: () => EntityManager | undefined;
  /** How long a shutdown waits for running handlers and works of `IdempotentExecutor`, in milliseconds. @default 10000 */
  shutdownTimeoutMs?: number;
  /** Longest that a statement of the library may take, or wait for a connection, in milliseconds. @default 15000 */
  statementTimeoutMs?: number;
  sqlite?: {
    /**
     * Leaves the app's better-sqlite3 DataSource as TypeORM made it: with one connection for everybody, on which
     * concurrent transactions mix. Publishing works then, one transaction at a time; consumers refuse to start.
     *
     * @default false
     */
    leaveDataSourceAlone?: boolean;
    /** How long a writer waits for the write lock, in milliseconds. @default 10000 */
    writeWaitMs?: number;
  };
}

/** A broker in a database of its own, which this process reaches itself. */
export interface BrokerInDatabase {
  /** The broker's database: TypeORM's options for it, or a DataSource that is initialized. */
  dataSource: DataSourceOptions | DataSource;
  /** Puts something between this process and the broker: a test loses ACKs here. */
  through?: (broker: Transport) => Transport;
}

/** A broker that is a service of its own: `npx nestjs-idempotent-mq serve`, or `IdempotentMqBrokerModule` in some app. */
export interface BrokerByUrl {
  /** Where it is, with its base path: `https://broker.internal`, `http://127.0.0.1:7788`. */
  url: string;
  /** The secret of a token of the service. Left out where it has none, which is on this very machine. */
  token?: string;
  /** Longest that an answer of it may take, in milliseconds. @default 5000 */
  timeoutMs?: number;
  /** Puts something between this process and the broker: a test loses ACKs here. */
  through?: (broker: Transport) => Transport;
}

/** What a class for `forRootAsync({ useClass })` or `{ useExisting }` has to have. */
export interface IdempotentMqOptionsFactory {
  createIdempotentMqOptions(): IdempotentMqOptions | Promise<IdempotentMqOptions>;
}

/** The options with their defaults. */
export type ResolvedOptions = ReturnType<typeof resolveOptions>;

export const DAY_MS = 24 * 60 * 60 * 1000;
/** Node runs a timer that is longer than this at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
/** A hundred years: in microseconds it still fits the database's integers. */
export const MAX_WAIT_MS = 100 * 365 * DAY_MS;
/**
 * Two sweeps. Less is a mistaken unit (7, for days), or means that a first publish is given up on while its consumer's
 * process still starts.
 */
export const MIN_UNROUTED_MS = 60_000;
/** The answer to a claim may be long on its way, and a delivery must not be taken for younger than it is. */
const MIN_SLACK_MS = 2 * JUDGED_FROM_MS;
/** Less is a mistaken unit (90, for days). */
export const MIN_RETENTION_MS = 60_000;
const MAX_CONNECTIONS = 10_000;
/** Of mysql2. */
const DRIVER_POOL_SIZE = 10;
const MAX_LOST_LEASES = 10_000;
/** SQLite takes 32,766 parameters in a statement. */
const MAX_SHIPMENT = 5_000;
const RESENDS_A_WINDOW = 20;
/** MySQL's largest packet is 1 GiB, and a body may be twice its size on the wire. */
const MAX_BYTES = 256 * 1024 * 1024;
/** JSON.stringify and what walks a payload call themselves for each level. */
const MAX_DEPTH = 1_000;

const KNOWN: Record<string, readonly string[]> = {
  '': [
    'schema',
    'durability',
    'broker',
    'relay',
    'tablePrefix',
    'roles',
    'consumers',
    'payload',
    'retention',
    'topics',
    'currentManager',
    'shutdownTimeoutMs',
    'statementTimeoutMs',
    'sqlite',
  ],
  broker: ['dataSource', 'url', 'token', 'timeoutMs', 'engine', 'through'],
  relay: ['batch', 'ackTimeoutMs', 'pollMs', 'delayMs', 'maxDelayMs'],
  roles: ['consume', 'relay', 'sweep'],
  consumers: [
    ...['concurrency', 'leaseMs', 'timeoutMs', 'fingerprint', 'perTransaction', 'retry'],
    ...['connections', 'pollMs', 'maxLostLeases'],
  ],
  'consumers.retry': ['attempts', 'delayMs', 'maxDelayMs', 'retryIf'],
  payload: ['maxBytes', 'maxDepth'],
  retention: [
    'unroutedMs',
    'innerMsgIdWindowMs',
    'dedupMs',
    'slackMs',
    'executors',
    'deadLetterMs',
    'quarantineMs',
  ],
  sqlite: ['leaveDataSourceAlone', 'writeWaitMs'],
};

/** They decide which providers there are, before any factory runs. */
export const BESIDE_THE_FACTORY = ['name', 'dataSource', 'isGlobal'];

/** @throws InvalidOptionError naming the option and what came */
export function resolveOptions(options: IdempotentMqOptions, dataSource: DataSource) {
  checkKeys(options);
  const { consumers = {}, payload = {}, relay = {}, retention = {}, roles = {}, sqlite = {} } = options;
  const appPoolSize = poolSizeOf(dataSource);
  const consumerDefaults = resolveConsumerOptions('consumers', consumers, CONSUMER_DEFAULTS);
  return {
    schema: oneOf('schema', options.schema, ['ensure', 'migrations'] as const, 'migrations'),
    durability: oneOf('durability', options.durability, ['require', 'warn'] as const, 'require'),
    broker: brokerOption(options.broker, retention),
    relay: relayOptions(relay),
    tablePrefix: options.tablePrefix === undefined ? DEFAULT_TABLE_PREFIX : options.tablePrefix,
    roles: {
      consume: bool('roles.consume', roles.consume, true),
      relay: bool('roles.relay', roles.relay, true),
      sweep: bool('roles.sweep', roles.sweep, true),
    },
    consumers: consumerDefaults,
    appPoolSize,
    connections: whole(
      'consumers.connections',
      consumers.connections,
      Math.max(appPoolSize, consumerDefaults.concurrency),
      MAX_CONNECTIONS,
    ),
    ...polling(options),
    maxLostLeases: whole('consumers.maxLostLeases', consumers.maxLostLeases, 5, MAX_LOST_LEASES),
    payload: {
      maxBytes: whole('payload.maxBytes', payload.maxBytes, DEFAULT_PAYLOAD_LIMITS.maxBytes, MAX_BYTES),
      maxDepth: whole('payload.maxDepth', payload.maxDepth, DEFAULT_PAYLOAD_LIMITS.maxDepth, MAX_DEPTH),
    },
    unroutedMs: whole('retention.unroutedMs', retention.unroutedMs, 7 * DAY_MS, MAX_WAIT_MS, MIN_UNROUTED_MS),
    innerMsgIdWindowMs: windowOption(retention.innerMsgIdWindowMs, relayOptions(relay)),
    retention: dedupRetention(options),
    deadLetterMs: whole(
      'retention.deadLetterMs',
      retention.deadLetterMs,
      90 * DAY_MS,
      MAX_WAIT_MS,
      MIN_RETENTION_MS,
    ),
    quarantineMs: whole(
      'retention.quarantineMs',
      retention.quarantineMs,
      90 * DAY_MS,
      MAX_WAIT_MS,
      MIN_RETENTION_MS,
    ),
    topics: topics(options.topics),
    currentManager: currentManager(options.currentManager),
    shutdownTimeoutMs: whole('shutdownTimeoutMs', options.shutdownTimeoutMs, 10_000, MAX_TIMER_MS),
    statementTimeoutMs: whole('statementTimeoutMs', options.statementTimeoutMs, 15_000, MAX_TIMER_MS),
    leaveDataSourceAlone: bool('sqlite.leaveDataSourceAlone', sqlite.leaveDataSourceAlone, false),
    writeWaitMs: whole('sqlite.writeWaitMs', sqlite.writeWaitMs, 10_000, MAX_TIMER_MS),
  };
}

/** How many connections TypeORM and mysql2 open for the app: what `extra` has comes last, and neither is checked there. */
function poolSizeOf(dataSource: DataSource): number {
  const { extra, poolSize } = dataSource.options as {
    extra?: { connectionLimit?: unknown };
    poolSize?: unknown;
  };
  return Number(extra?.connectionLimit ?? poolSize) || DRIVER_POOL_SIZE;
}

function checkKeys(options: IdempotentMqOptions): void {
  for (const [path, known] of Object.entries(KNOWN)) {
    const value = path
      .split('.')
      .reduce<unknown>((at, key) => (key ? (at as Record<string, unknown>)?.[key] : at), options);
    if (value === undefined && path) continue;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidOptionError(path || 'forRoot(options)', value, 'an object');
    }
    const unknown = Object.keys(value).find((key) => !known.includes(key));
    if (unknown && !path && BESIDE_THE_FACTORY.includes(unknown)) {
      throw new InvalidOptionError(
        unknown,
        (value as Record<string, unknown>)[unknown],
        `left out of what the factory returns: it belongs beside useFactory, forRootAsync({ ${unknown}, useFactory })`,
      );
    }
    if (unknown) {
      throw new InvalidOptionError(
        path ? `${path}.${unknown}` : unknown,
        (value as Record<string, unknown>)[unknown],
        `left out: it is not an option${didYouMean(unknown)}. Known are ${known.join(', ')}`,
      );
    }
  }
}

/** An option of that name that is elsewhere. */
function didYouMean(key: string): string {
  const paths = Object.entries(KNOWN)
    .filter(([, known]) => known.includes(key))
    .map(([path]) => (path ? `${path}.${key}` : key));
  return paths.length === 0 ? '' : ` here (did you mean ${paths.join(' or ')}?)`;
}

export function whole(
  option: string,
  value: number | undefined,
  otherwise: number,
  max = Number.MAX_SAFE_INTEGER,
  min = 1,
): number {
  if (value === undefined) return otherwise;
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new InvalidOptionError(option, value, `a whole number from ${min} to ${max}`);
  return value;
}

/** Whether the broker is a service. */
export function isByUrl(broker: IdempotentMqOptions['broker']): broker is BrokerByUrl {
  return broker !== undefined && 'url' in broker;
}

/** Whether an engine takes the broker's place. */
export function isByEngine(broker: IdempotentMqOptions['broker']): broker is BrokerByEngine {
  return broker !== undefined && 'engine' in broker;
}

function brokerOption(
  value: IdempotentMqOptions['broker'],
  retention: NonNullable<IdempotentMqOptions['retention']>,
): IdempotentMqOptions['broker'] {
  if (value === undefined) return undefined;
  const { through } = value;
  if (through !== undefined && typeof through !== 'function') {
    throw new InvalidOptionError('broker.through', through, 'a function from a transport to a transport');
  }
  if (isByEngine(value)) return brokerByEngine(value, retention);
  return isByUrl(value) ? brokerByUrl(value) : brokerInDatabase(value);
}

/** Options of what a broker of tables does, and an engine may not. */
const OPTIONS_OF_TABLES = { unroutedMs: 'parksUnrouted', quarantineMs: 'quarantines' } as const;

function brokerByEngine(
  value: BrokerByEngine,
  retention: NonNullable<IdempotentMqOptions['retention']>,
): BrokerByEngine {
  if (typeof value.engine !== 'function') {
    throw new InvalidOptionError(
      'broker.engine',
      value.engine,
      "a function that makes an engine, as in broker: rabbitmq({ url }) of 'nestjs-idempotent-mq/rabbitmq'",
    );
  }
  for (const key of ['dataSource', 'url', 'token', 'timeoutMs']) {
    if (key in value)
      throw new InvalidOptionError(
        `broker.${key}`,
        '***',
        'left out beside broker.engine: there is one broker',
      );
  }
  const { name, capabilities } = value.engine();
  for (const option of ['unroutedMs', 'quarantineMs'] as const) {
    const capability = OPTIONS_OF_TABLES[option];
    if (retention[option] === undefined || capabilities[capability]) continue;
    throw new InvalidOptionError(
      `retention.${option}`,
      retention[option],
      `left out with this broker (${name}), whose transport declares ${capability}: false`,
    );
  }
  return value;
}

function brokerByUrl(value: BrokerByUrl): BrokerByUrl & { timeoutMs: number } {
  const { url, token, timeoutMs } = value;
  if ('dataSource' in value) {
    throw new InvalidOptionError(
      'broker.dataSource',
      '…',
      'left out beside broker.url: the service has the database',
    );
  }
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  const isOne = parsed && ['http:', 'https:'].includes(parsed.protocol) && !parsed.search && !parsed.hash;
  if (!isOne) {
    throw new InvalidOptionError(
      'broker.url',
      // Its query may have a secret as well.
      typeof url === 'string' && /[?#@]/.test(url) ? '***' : url,
      'the address of a broker service, such as https://broker.internal',
    );
  }
  if (parsed.username || parsed.password) {
    throw new InvalidOptionError(
      'broker.url',
      '***',
      'without a user and a password: a token goes into broker.token',
    );
  }
  if ('token' in value && (typeof token !== 'string' || !/^\S+$/.test(token))) {
    throw new InvalidOptionError(
      'broker.token',
      token === undefined ? undefined : '***',
      'the secret of a token of the service, without spaces, or left out where the service has none',
    );
  }
  return { ...value, timeoutMs: whole('broker.timeoutMs', timeoutMs, 5_000, MAX_TIMER_MS) };
}

function brokerInDatabase(value: BrokerInDatabase): BrokerInDatabase {
  const { dataSource } = value;
  for (const key of ['token', 'timeoutMs']) {
    if (key in value)
      throw new InvalidOptionError(`broker.${key}`, '***', 'left out: it belongs to broker.url');
  }
  const isOne = typeof dataSource === 'object' && dataSource !== null;
  const expected = "TypeORM's options for the broker's database, or a DataSource that is initialized";
  if (!isOne || !('type' in dataSource || dataSource instanceof DataSource || 'driver' in dataSource)) {
    throw new InvalidOptionError(
      'broker.dataSource',
      typeof dataSource === 'string' ? '***' : dataSource,
      expected,
    );
  }
  if ('isInitialized' in dataSource) {
    // Nobody would close it.
    if (!dataSource.isInitialized)
      throw new InvalidOptionError('broker.dataSource', 'a DataSource that is not initialized', expected);
  } else {
    dialectOf(dataSource.type);
    // An environment variable that is not set: the driver would connect to this machine.
    if ('url' in dataSource && dataSource.url === undefined) {
      throw new InvalidOptionError(
        'broker.dataSource.url',
        undefined,
        "the broker's database, as in mysql://user:password@host:3306/broker; or leave url out and give host, username, password and database",
      );
    }
  }
  return value;
}

/** A broker service tells of what lands: to look soon again would ask it for what is told anyway. */
function polling({ broker, consumers = {} }: IdempotentMqOptions) {
  const byUrl = isByUrl(broker);
  const pollMs = whole('consumers.pollMs', consumers.pollMs, byUrl ? 500 : 200, MAX_TIMER_MS);
  return { pollMs, busyPollMs: byUrl ? pollMs : BUSY_POLL_MS };
}

function relayOptions(relay: NonNullable<IdempotentMqOptions['relay']>) {
  const maxDelayMs = whole('relay.maxDelayMs', relay.maxDelayMs, 30_000, MAX_TIMER_MS);
  const delayMs = whole('relay.delayMs', relay.delayMs, Math.min(500, maxDelayMs), MAX_TIMER_MS);
  if (delayMs > maxDelayMs) {
    throw new InvalidOptionError('relay.delayMs', delayMs, `at most relay.maxDelayMs (${maxDelayMs})`);
  }
  return {
    batch: whole('relay.batch', relay.batch, 500, MAX_SHIPMENT),
    ackTimeoutMs: whole('relay.ackTimeoutMs', relay.ackTimeoutMs, 10_000, MAX_TIMER_MS),
    pollMs: whole('relay.pollMs', relay.pollMs, 200, MAX_TIMER_MS),
    retry: { delayMs, maxDelayMs },
  };
}

/** A message must get many chances before its id is forgotten, or an outage of the network would fill the quarantine. */
function windowOption(value: number | undefined, { retry, ackTimeoutMs }: ReturnType<typeof relayOptions>) {
  const windowMs = whole('retention.innerMsgIdWindowMs', value, 7 * DAY_MS, MAX_WAIT_MS);
  const least = RESENDS_A_WINDOW * (retry.maxDelayMs + ackTimeoutMs);
  if (windowMs >= least) return windowMs;
  throw new InvalidOptionError(
    'retention.innerMsgIdWindowMs',
    windowMs,
    `at least ${RESENDS_A_WINDOW} times relay.maxDelayMs and relay.ackTimeoutMs together (${least}): raise it, or lower those`,
  );
}

/**
 * A biz-id must be known for longer than its message may take to be seen, or every repeat that was on its way would be too
 * old to judge. And after a broker's database was restored from a backup, what is still in outboxes lands again, as much
 * later as their inner-msg-ids are good for.
 */
function dedupRetention({ broker, relay = {}, retention = {} }: IdempotentMqOptions) {
  const slackMs = whole('retention.slackMs', retention.slackMs, DAY_MS, MAX_WAIT_MS, MIN_SLACK_MS);
  const dedupMs = whole('retention.dedupMs', retention.dedupMs, 30 * DAY_MS, MAX_WAIT_MS);
  const windowMs = broker ? windowOption(retention.innerMsgIdWindowMs, relayOptions(relay)) : 0;
  if (dedupMs < slackMs + windowMs) {
    const parts = broker
      ? 'retention.slackMs and retention.innerMsgIdWindowMs together'
      : 'retention.slackMs';
    throw new InvalidOptionError(
      'retention.dedupMs',
      dedupMs,
      `at least ${parts} (${slackMs + windowMs}): raise it, or lower ${broker ? 'those' : 'that'}`,
    );
  }
  return { dedupMs, slackMs, executors: executorRetention(retention.executors) };
}

function executorRetention(value: unknown = {}): Readonly<Record<string, number>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidOptionError(
      'retention.executors',
      value,
      'an object with a number of milliseconds for each scenario',
    );
  }
  for (const [scenario, ms] of Object.entries(value as Record<string, number>)) {
    if (!isName(scenario)) throw new InvalidOptionError('retention.executors', scenario, NAME_RULE);
    whole(`retention.executors['${scenario}']`, ms, 0, MAX_WAIT_MS, MIN_RETENTION_MS);
  }
  return { ...(value as Record<string, number>) };
}

function topics(value: unknown): readonly AnyTopic[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new InvalidOptionError('topics', value, 'an array of topics');
  const given = value as readonly (AnyTopic | null | undefined)[];
  return given.map((topic, i) => {
    checkTopic(`topics[${i}]`, topic);
    return topic;
  });
}

function currentManager(value: IdempotentMqOptions['currentManager']): IdempotentMqOptions['currentManager'] {
  if (value !== undefined && typeof value !== 'function')
    throw new InvalidOptionError('currentManager', value, 'a function that returns an EntityManager');
  return value;
}

export function bool(option: string, value: boolean | undefined, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw new InvalidOptionError(option, value, 'a boolean');
  return value;
}

export function oneOf<T extends string>(
  option: string,
  value: T | undefined,
  known: readonly T[],
  otherwise: T,
): T {
  if (value === undefined) return otherwise;
  if (!known.includes(value))
    throw new InvalidOptionError(option, value, known.map((k) => `'${k}'`).join(' or '));
  return value;
}
