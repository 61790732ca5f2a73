import { DataSource, type DataSourceOptions } from 'typeorm';
import { InvalidOptionError } from '../errors/index.js';
import { dialectOf } from '../storage/index.js';
import type { BrokerByEngine } from '../transport/engine/port.js';
import type { Transport } from '../transport/port.js';
import type { relayOptions } from './relay.options.js';
import { type RetentionOptions, refuseShortWindow } from './retention.options.js';
import { MAX_TIMER_MS, whole } from './values.js';

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

/** Where the broker is, if it is not in the app's own database. */
export type BrokerOption = BrokerInDatabase | BrokerByUrl | BrokerByEngine;

/** Whether the broker is a service. */
export function isByUrl(broker: BrokerOption | undefined): broker is BrokerByUrl {
  return broker !== undefined && 'url' in broker;
}

/** Whether an engine takes the broker's place. */
export function isByEngine(broker: BrokerOption | undefined): broker is BrokerByEngine {
  return broker !== undefined && 'engine' in broker;
}

export function brokerOption(
  value: BrokerOption | undefined,
  retention: RetentionOptions,
  relay: ReturnType<typeof relayOptions>,
): BrokerOption | undefined {
  if (value === undefined) return undefined;
  const { through } = value;
  if (through !== undefined && typeof through !== 'function') {
    throw new InvalidOptionError('broker.through', through, 'a function from a transport to a transport');
  }
  if (isByEngine(value)) return brokerByEngine(value, retention, relay);
  return isByUrl(value) ? brokerByUrl(value) : brokerInDatabase(value);
}

/** Options of what a broker of tables does, and an engine may not. */
const OPTIONS_OF_TABLES = { unroutedMs: 'parksUnrouted', quarantineMs: 'quarantines' } as const;

function brokerByEngine(
  value: BrokerByEngine,
  retention: RetentionOptions,
  relay: ReturnType<typeof relayOptions>,
): BrokerByEngine {
  if (typeof value.engine !== 'function') {
    throw new InvalidOptionError(
      'broker.engine',
      value.engine,
      "a function that makes an engine, as in broker: rabbitmq({ url }) of 'nestjs-idempotent-mq/rabbitmq', or jetstream({ url }) of 'nestjs-idempotent-mq/jetstream'",
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
  const { name, capabilities, resendsKnownMs } = value.engine();
  if (resendsKnownMs !== undefined)
    refuseShortWindow(`The time for which ${name} knows what it was sent`, resendsKnownMs, relay);
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
