import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { EngineOptions, MAX_TIMER_MS } from '../transport/engine/engine-options.js';
import type { Transport } from '../transport/port.js';

export interface JetstreamOptions {
  /** Where it is: `nats://user:password@host:4222`, or `tls://…`; of a cluster, several servers of it. */
  url: string | readonly string[];
  /** What the names of its streams and subjects begin with. Letters, digits and `-`, 40 at most. @default 'mq' */
  prefix?: string;
  /** How many servers of a cluster have each message. From 1 to 5; set when a stream is made. @default 1 */
  replicas?: number;
  /**
   * Into how many parts the messages with an ordering key are divided, each of which is handed out one at a time. From 1 to
   * 64; the same in all processes, and for good, since the order of a key is that of its part. @default 4
   */
  partitions?: number;
  /**
   * For how long JetStream knows what it was sent, in milliseconds from a minute. It keeps the ids of this time in memory.
   * At least 20 times `relay.maxDelayMs` and `relay.ackTimeoutMs` together. @default 2 hours
   */
  duplicateWindowMs?: number;
  /**
   * For how long a message stays in its stream, in milliseconds; also one that a group has not handled by then, which is
   * lost to it. At least twice `duplicateWindowMs`. @default 30 days
   */
  keepMs?: number;
  /** How many messages may be on their way to each consumer of this process. From 1 to 10000. @default twice the consumer's concurrency */
  prefetch?: number;
  /**
   * After how long what a process holds is handed out again when it says nothing more, in milliseconds from 2000. While it
   * is there, it says so. @default 30000
   */
  ackWaitMs?: number;
  /** How often the server is asked whether it is there, in seconds: who misses two is taken for gone. From 1 to 600. @default 10 */
  heartbeatSeconds?: number;
  /** Longest that a question to it may take, in milliseconds. @default 5000 */
  timeoutMs?: number;
  /** What else its client is to be told: `tls`, or an `authenticator` for credentials. @default nothing */
  client?: Omit<NodeConnectionOptions, OwnOptions>;
  /** Puts something between this process and the broker: a test loses ACKs here. */
  through?: (broker: Transport) => Transport;
}

/** Of the client, which this library sets itself. */
const OWN_OPTIONS = [
  'servers',
  'port',
  'name',
  'timeout',
  'reconnect',
  'maxReconnectAttempts',
  'waitOnFirstConnect',
  'pingInterval',
  'maxPingOut',
] as const;
type OwnOptions = (typeof OWN_OPTIONS)[number];

export type ResolvedJetstreamOptions = ReturnType<typeof resolveJetstreamOptions>;

const KNOWN = [
  'url',
  'prefix',
  'replicas',
  'partitions',
  'duplicateWindowMs',
  'keepMs',
  'prefetch',
  'ackWaitMs',
  'heartbeatSeconds',
  'timeoutMs',
  'client',
  'through',
];
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
/** Leases are looked after each second. */
const LEAST_ACK_WAIT_MS = 2_000;

/** @throws InvalidOptionError naming the option and what came */
export function resolveJetstreamOptions(options: JetstreamOptions) {
  const given = new EngineOptions('jetstream', options, KNOWN);
  const { url, prefix = 'mq', client = {} } = options;
  if (typeof prefix !== 'string' || !/^[A-Za-z0-9-]{1,40}$/.test(prefix)) {
    throw given.invalid('prefix', '1 to 40 letters, digits and -');
  }
  const duplicateWindowMs = given.whole('duplicateWindowMs', 2 * HOUR_MS, { min: 60_000, max: YEAR_MS });
  const keepMs = given.whole('keepMs', Math.max(30 * 24 * HOUR_MS, 2 * duplicateWindowMs), {
    max: 2 * YEAR_MS,
  });
  if (keepMs < 2 * duplicateWindowMs) {
    throw given.invalid(
      'keepMs',
      `at least twice duplicateWindowMs (${2 * duplicateWindowMs}): after a restart JetStream knows the ids of those messages alone that it still has`,
    );
  }
  return {
    servers: serversOption(url, given),
    prefix,
    replicas: given.whole('replicas', 1, { max: 5 }),
    partitions: given.whole('partitions', 4, { max: 64 }),
    duplicateWindowMs,
    keepMs,
    prefetch: options.prefetch === undefined ? undefined : given.whole('prefetch', 1, { max: 10_000 }),
    ackWaitMs: given.whole('ackWaitMs', 30_000, { min: LEAST_ACK_WAIT_MS, max: HOUR_MS }),
    heartbeatSeconds: given.whole('heartbeatSeconds', 10, { max: 600 }),
    timeoutMs: given.whole('timeoutMs', 5_000, { max: MAX_TIMER_MS }),
    client: clientOption(client, given),
    through: given.through(),
  };
}

function serversOption(url: unknown, given: EngineOptions): readonly URL[] {
  const urls: unknown[] = Array.isArray(url) ? url : [url];
  const parsed = urls.map((one) => (typeof one === 'string' && URL.canParse(one) ? new URL(one) : undefined));
  const isOne = (one: URL | undefined): one is URL =>
    !!one?.hostname && ['nats:', 'tls:'].includes(one.protocol);
  if (parsed.length > 0 && parsed.every(isOne)) return parsed;
  throw given.invalid(
    'url',
    "a NATS server's address, such as nats://user:password@nats.internal:4222, or several of one cluster",
    /[?#@]/.test(urls.join()) ? '***' : url,
  );
}

function clientOption(client: object, given: EngineOptions): object {
  if (typeof client !== 'object' || client === null || Array.isArray(client)) {
    throw given.invalid('client', 'an object with options of connect() of @nats-io/transport-node', '***');
  }
  const own = OWN_OPTIONS.find((option) => option in client);
  if (own === undefined) return client;
  throw given.invalid(`client: { ${own} }`, 'left out: the library sets it itself', '***');
}
