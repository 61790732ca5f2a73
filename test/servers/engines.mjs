/**
 * The words shared by everything that brings a server up.
 *
 * @typedef {'mariadb' | 'mysql' | 'postgres' | 'rabbitmq' | 'jetstream'} Engine  What runs as a server of its own: databases, and engines in the broker's place.
 *
 * @typedef {object} Server
 * @property {string} url      mysql://user:password@host:port/, without a database name; or postgres://…, amqp://…, nats://…
 * @property {string} version  what it says itself
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} Context
 * @property {AbortSignal} signal             aborted when the whole run is to end
 * @property {(line: string) => void} log     for people who watch the run
 *
 * @typedef {object} Way  One way to have a server; they are tried in order.
 * @property {string} name
 * @property {(context: Context) => Promise<Server>} start  rejects when this way is not open
 */

/** @type {Record<Engine, { label: string, urlVariable: string }>} */
export const SERVER_ENGINES = {
  mariadb: { label: 'MariaDB', urlVariable: 'MQ_TEST_MARIADB_URL' },
  mysql: { label: 'MySQL', urlVariable: 'MQ_TEST_MYSQL_URL' },
  postgres: { label: 'PostgreSQL', urlVariable: 'MQ_TEST_POSTGRES_URL' },
  rabbitmq: { label: 'RabbitMQ', urlVariable: 'MQ_TEST_RABBITMQ_URL' },
  jetstream: { label: 'NATS JetStream', urlVariable: 'MQ_TEST_JETSTREAM_URL' },
};

/**
 * Which of the databases speaks, judged by what it says of its version: MySQL never names itself there, and
 * MariaDB ships a binary called mysqld as well.
 *
 * @param {string} version
 * @returns {Engine}
 */
export function engineOfVersion(version) {
  if (/^PostgreSQL/.test(version)) return 'postgres';
  return /mariadb/i.test(version) ? 'mariadb' : 'mysql';
}
