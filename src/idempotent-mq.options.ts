import type { DataSource, EntityManager } from 'typeorm';
import {
  CONSUMER_DEFAULTS,
  type ConsumerSettings,
  type IdempotentSettings,
  resolveConsumerOptions,
} from './consumer/index.js';
import { InvalidOptionError } from './errors/index.js';
import { type BrokerOption, brokerOption, isByUrl } from './options/broker.options.js';
import { checkKeys } from './options/known-keys.js';
import { type RelayOptions, relayOptions } from './options/relay.options.js';
import {
  MIN_RETENTION_MS,
  MIN_UNROUTED_MS,
  type RetentionOptions,
  dedupRetention,
  windowOption,
} from './options/retention.options.js';
import { tracingOption } from './options/tracing.options.js';
import { DAY_MS, MAX_TIMER_MS, MAX_WAIT_MS, bool, oneOf, whole } from './options/values.js';
import { DEFAULT_TABLE_PREFIX } from './storage/index.js';
import { type AnyTopic, DEFAULT_PAYLOAD_LIMITS, checkTopic } from './topic/index.js';
import type { MessageTracing } from './tracing/index.js';
import { BUSY_POLL_MS } from './waiting/index.js';

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
   * `rabbitmq({ url })` of `nestjs-idempotent-mq/rabbitmq`, or `jetstream({ url })` of `nestjs-idempotent-mq/jetstream`.
   *
   * @default the app's own database
   */
  broker?: BrokerOption;
  relay?: RelayOptions;
  /** Put before the names of the library's tables. @default 'mq_' */
  tablePrefix?: string;
  /** What this process does. @default all of it */
  roles?: { consume?: boolean; relay?: boolean; sweep?: boolean };
  /** Settings for all consumers; each may have its own. */
  consumers?: ConsumerSettings &
    IdempotentSettings & {
      /**
       * Connections for handlers, and as many again for `IdempotentExecutor`, beside the app's pool (not on SQLite). At
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
  retention?: RetentionOptions;
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
  /**
   * Draws spans of the way of each message, and sends the context of a trace along: `openTelemetryTracing()` of
   * `nestjs-idempotent-mq/opentelemetry`.
   *
   * @default none: nothing is put into messages, and nothing is called
   */
  tracing?: MessageTracing;
}

/** What a class for `forRootAsync({ useClass })` or `{ useExisting }` has to have. */
export interface IdempotentMqOptionsFactory {
  createIdempotentMqOptions(): IdempotentMqOptions | Promise<IdempotentMqOptions>;
}

/** The options with their defaults. */
export type ResolvedOptions = ReturnType<typeof resolveOptions>;

const MAX_CONNECTIONS = 10_000;
/** Of mysql2, and of pg. */
const DRIVER_POOL_SIZE = 10;
const MAX_LOST_LEASES = 10_000;
/** MySQL's largest packet is 1 GiB, and a body may be twice its size on the wire. */
const MAX_BYTES = 256 * 1024 * 1024;
/** JSON.stringify and what walks a payload call themselves for each level. */
const MAX_DEPTH = 1_000;

/** @throws InvalidOptionError naming the option and what came */
export function resolveOptions(options: IdempotentMqOptions, dataSource: DataSource) {
  checkKeys(options);
  const { consumers = {}, payload = {}, relay = {}, retention = {}, roles = {}, sqlite = {} } = options;
  const appPoolSize = poolSizeOf(dataSource);
  const consumerDefaults = resolveConsumerOptions('consumers', consumers, CONSUMER_DEFAULTS);
  return {
    schema: oneOf('schema', options.schema, ['ensure', 'migrations'] as const, 'migrations'),
    durability: oneOf('durability', options.durability, ['require', 'warn'] as const, 'require'),
    broker: brokerOption(options.broker, retention, relayOptions(relay)),
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
    tracing: tracingOption(options.tracing),
  };
}

/** How many connections TypeORM and the driver open for the app: what `extra` has comes last, and neither is checked there. */
function poolSizeOf(dataSource: DataSource): number {
  const { extra, poolSize } = dataSource.options as {
    extra?: { connectionLimit?: unknown; max?: unknown };
    poolSize?: unknown;
  };
  const ofDriver = dataSource.options.type === 'postgres' ? extra?.max : extra?.connectionLimit;
  return Number(ofDriver ?? poolSize) || DRIVER_POOL_SIZE;
}

/** A broker service tells of what lands: to look soon again would ask it for what is told anyway. */
function polling({ broker, consumers = {} }: IdempotentMqOptions) {
  const byUrl = isByUrl(broker);
  const pollMs = whole('consumers.pollMs', consumers.pollMs, byUrl ? 500 : 200, MAX_TIMER_MS);
  return { pollMs, busyPollMs: byUrl ? pollMs : BUSY_POLL_MS };
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
