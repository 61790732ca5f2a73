import type { DataSourceOptions } from 'typeorm';
import { withoutPassword } from '../shared/without-password.js';
// #region place
import type { IdempotentMqOptions } from '../../src/index.js';
import { jetstream } from '../../src/jetstream/index.js';
import { rabbitmq } from '../../src/rabbitmq/index.js';

/** Where the shop runs: its database, and the broker, if that is not in the same database. */
export interface Place {
  database: DataSourceOptions;
  broker: IdempotentMqOptions['broker'];
}

/** @throws Error naming the variable that can't be understood, and its value without the password */
export function readPlace(env: Readonly<Record<string, string | undefined>>): Place {
  const { DATABASE_URL = 'sqlite:shop.sqlite', BROKER_URL, BROKER_TOKEN, BROKER_PREFIX } = env;
  const database = databaseAt(DATABASE_URL);
  if (!database) throw notUnderstood('DATABASE_URL', DATABASE_URL, DATABASES);
  if (!BROKER_URL) return { database, broker: undefined };
  if (BROKER_URL === DATABASE_URL)
    throw notUnderstood('BROKER_URL', BROKER_URL, 'another database than DATABASE_URL, or not set');
  const broker = brokerAt(BROKER_URL, { token: BROKER_TOKEN, prefix: BROKER_PREFIX });
  if (!broker) throw notUnderstood('BROKER_URL', BROKER_URL, `${DATABASES}; ${BROKERS}; or not set`);
  return { database, broker };
}

function databaseAt(url: string): DataSourceOptions | undefined {
  const { scheme, host, path } = partsOf(url);
  const isNamed = host !== '' && path.length > 1;
  if (scheme === 'sqlite' && path) return { type: 'better-sqlite3', database: path };
  if ((scheme === 'mysql' || scheme === 'mariadb') && isNamed) return { type: scheme, url };
  if ((scheme === 'postgres' || scheme === 'postgresql') && isNamed) return { type: 'postgres', url };
  return undefined;
}

function brokerAt(url: string, { token, prefix }: { token?: string; prefix?: string }): Place['broker'] {
  const { scheme, host } = partsOf(url);
  const dataSource = databaseAt(url);
  if (dataSource) return { dataSource };
  if (!host) return undefined;
  if (scheme === 'http' || scheme === 'https') return { url, ...(token && { token }) };
  if (scheme === 'amqp' || scheme === 'amqps') return rabbitmq({ url, ...(prefix && { prefix }) });
  if (scheme === 'nats' || scheme === 'tls') return jetstream({ url, ...(prefix && { prefix }) });
  return undefined;
}
// #endregion

const DATABASES = 'sqlite:FILE, or mysql://, mariadb:// or postgres:// with a host and a database';
const BROKERS = 'http(s):// of a broker service, amqp(s):// of RabbitMQ, nats:// or tls:// of JetStream';

function partsOf(url: string): { scheme: string; host: string; path: string } {
  const { protocol, hostname, pathname } = URL.canParse(url) ? new URL(url) : NOTHING;
  // Of a file's name, nothing is to be encoded.
  const path = protocol === 'sqlite:' ? url.slice(protocol.length) : pathname;
  return { scheme: protocol.slice(0, -1), host: hostname, path };
}

const NOTHING = { protocol: '', hostname: '', pathname: '' };

function notUnderstood(variable: string, value: string, expected: string): Error {
  return new Error(`${variable} must be ${expected} (got ${withoutPassword(value) || 'nothing'}).`);
}
