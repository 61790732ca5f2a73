import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { BrokerService, type BrokerOptions } from '../../src/broker/index.js';
import { type IdempotentMqEvent, IdempotentMqEvents } from '../../src/events/index.js';
import { InnerMsgIds } from '../../src/publisher/inner-msg-id.js';
import { OutboxClaims, Relay, type RelayOptions } from '../../src/publisher/index.js';
import {
  type LibraryConnections,
  type OutboxRow,
  databaseOf,
  insertOutbox,
  makeSqliteSafe,
  migrate,
  openConnections,
} from '../../src/storage/index.js';
import type { SentMessage, Timing, Transport } from '../../src/transport/port.js';
import type { TestDatabase } from '../support/engines.js';
import { withTestStatements } from '../support/postgres-words.js';

/*
 * The parts of an outbox and of a broker without an app around them, so that a test decides about each step.
 */

export const TOPIC = 'payment.succeeded';
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const WINDOW_MS = 7 * DAY_MS;

/** What a relay needs of a transport, which a broker has as well. */
export type ToRelays = Pick<Transport, 'send' | 'acceptance'>;

/** A side of the wire: its database, and what it tells. */
export interface Side {
  dataSource: DataSource;
  connections: LibraryConnections;
  events: IdempotentMqEvents;
  seen: IdempotentMqEvent[];
  count(table: string, where?: string): Promise<number>;
  close(): Promise<void>;
}

async function openSide(
  { engine, options }: TestDatabase,
  { statementTimeoutMs = 15_000 } = {},
): Promise<Side> {
  const dataSource = withTestStatements(new DataSource({ ...options, entities: [] }));
  if (engine === 'sqlite') makeSqliteSafe(dataSource, { writeWaitMs: 10_000 });
  await dataSource.initialize();
  await migrate(dataSource);
  const connections = await openConnections(dataSource, databaseOf(dataSource), {
    scopeConnections: 1,
    controlConnections: 6,
    statementTimeoutMs,
    idleTimeoutSeconds: 60,
    writeWaitMs: 10_000,
  });
  const events = new IdempotentMqEvents();
  const seen: IdempotentMqEvent[] = [];
  events.events$.subscribe((event) => seen.push(event));
  return {
    dataSource,
    connections,
    events,
    seen,
    count: async (table, where = '1 = 1') => {
      const [{ n }] = await dataSource.query(`SELECT COUNT(*) AS n FROM mq_${table} WHERE ${where}`);
      return Number(n);
    },
    close: async () => {
      await connections.close();
      await dataSource.destroy();
    },
  };
}

export interface BrokerParts extends Side {
  broker: BrokerService;
  /** Another process's view of the same broker, with other settings or on connections that fail. */
  another(options?: Partial<BrokerOptions>, connections?: LibraryConnections): BrokerService;
  /** How often each biz-id has landed as a message. */
  landed(): Promise<Record<string, number>>;
  /** How often each biz-id has come as a copy that nobody can judge. */
  quarantined(): Promise<Record<string, number>>;
}

const LIMITS = { maxRows: 6_000, maxBytes: 4 * 1024 * 1024, packetBytes: Infinity };

export async function openBroker(
  database: TestDatabase,
  limits?: { statementTimeoutMs: number },
): Promise<BrokerParts> {
  const side = await openSide(database, limits);
  const made: BrokerService[] = [];
  const another = (options: Partial<BrokerOptions> = {}, connections = side.connections) => {
    const broker = new BrokerService(connections, side.events, {
      landing: LIMITS,
      unroutedMs: WINDOW_MS,
      innerMsgIdWindowMs: WINDOW_MS,
      deadLetterMs: 90 * DAY_MS,
      quarantineMs: 90 * DAY_MS,
      sweepIntervalMs: HOUR_MS,
      dropDelayMs: HOUR_MS,
      onSweepError: (error) => {
        throw error;
      },
      ...options,
    });
    made.push(broker);
    return broker;
  };
  const perBizId = async (sql: string) => {
    const rows: { biz_id: Buffer; n: number | string }[] = await side.dataSource.query(sql);
    return Object.fromEntries(rows.map(({ biz_id, n }) => [biz_id.toString(), Number(n)]));
  };
  const broker = another();
  await broker.registerTopics([TOPIC]);
  return {
    ...side,
    broker,
    another,
    landed: () => perBizId('SELECT biz_id, COUNT(*) AS n FROM mq_message GROUP BY biz_id'),
    quarantined: () =>
      perBizId('SELECT biz_id, SUM(copies) AS n FROM mq_quarantine WHERE decision IS NULL GROUP BY biz_id'),
    close: async () => {
      for (const each of made) await each.close();
      await side.close();
    },
  };
}

export const RELAY: RelayOptions = {
  batch: 500,
  ackTimeoutMs: 5_000,
  retry: { delayMs: 1, maxDelayMs: 1 },
  pollMs: 20,
};

export interface BusinessParts extends Side {
  /** Puts messages into the outbox under ids of the test's own choice. */
  put(messages: readonly PutMessage[], timing?: Timing): Promise<void>;
  /** A relay of a process of its own. */
  relay(transport: ToRelays, options?: Partial<RelayOptions>, connections?: LibraryConnections): Relay;
  claims(connections?: LibraryConnections): OutboxClaims;
  /** Whatever is leased or set aside may be sent at once. */
  endLeases(): Promise<void>;
}

export interface PutMessage {
  bizId: string;
  innerMsgId?: Buffer;
  topic?: string;
  body?: string;
  orderingKey?: Buffer;
}

export async function openBusiness(
  database: TestDatabase,
  limits?: { statementTimeoutMs: number },
): Promise<BusinessParts> {
  const side = await openSide(database, limits);
  const claims = (connections = side.connections) => new OutboxClaims(connections, side.events);
  return {
    ...side,
    claims,
    put: async (messages, timing = {}) => {
      const rows: OutboxRow[] = messages.map(({ bizId, orderingKey, ...given }) => ({
        ...sent(bizId, given),
        orderingKey,
      }));
      await side.connections.control((on) => insertOutbox(side.connections.database, on, rows, timing));
    },
    relay: (transport, options = {}, connections) =>
      new Relay(claims(connections), transport, side.events, { ...RELAY, ...options }, () => () => undefined),
    endLeases: async () => {
      await side.dataSource.query('UPDATE mq_outbox SET available_at = 0');
      await side.dataSource.query('UPDATE mq_outbox_keyed SET available_at = 0');
    },
  };
}

const ids = new InnerMsgIds();

/** Made at this moment of a publisher's clock. */
export function idAt(ms: number): Buffer {
  return new InnerMsgIds(() => Math.floor(ms)).next();
}

/** A message as a relay sends it. */
export function sent(
  bizId: string,
  more: Partial<Omit<SentMessage, 'body'>> & { body?: string } = {},
): SentMessage {
  const { body = JSON.stringify({ paymentId: bizId }), ...others } = more;
  return {
    innerMsgId: ids.next(),
    topic: TOPIC,
    bizId: Buffer.from(bizId),
    body: Buffer.from(body),
    headers: null,
    expiresAt: undefined,
    ...others,
  };
}

export const ORIGIN = randomBytes(16);

/** @returns what the broker answered for each message */
export async function send(
  broker: Pick<Transport, 'send'>,
  messages: readonly SentMessage[],
  { origin = ORIGIN, claims = 1 } = {},
): Promise<string[]> {
  const answers = await broker.send({ origin, claims, messages });
  return answers.map(({ kind }) => kind);
}

/** A broker of which something is done otherwise. */
export function through<T extends ToRelays>(broker: T, otherwise: Partial<Transport>): T {
  return Object.assign(Object.create(broker) as T, otherwise);
}

/** A relay that runs looks at everything this often at least. Milliseconds. */
const LOOKED_AT_ALL_MS = 3_000;

/** Sends until the outbox is empty, whatever fails in between, and without waiting for leases and backoff. */
export async function drain(business: BusinessParts, relay: Relay, most = 50): Promise<void> {
  const deadline = performance.now() + LOOKED_AT_ALL_MS;
  for (let round = 0; round < most || performance.now() < deadline; round++) {
    await business.endLeases();
    await relay.relayOnce().catch(() => undefined);
    if ((await business.count('outbox')) + (await business.count('outbox_keyed')) === 0) return;
  }
  throw new Error('not empty after all rounds');
}
