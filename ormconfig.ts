import { DataSource } from 'typeorm';
import { idempotentMqMigrations } from './src/index.js';

/** For the TypeORM CLI: `npm run typeorm -- migration:run`. IDEMPOTENT_MQ_DATABASE may name a mysql://, mariadb:// or postgres:// URL. */
const url = process.env.IDEMPOTENT_MQ_DATABASE;
const migrations = idempotentMqMigrations();

export default url === undefined
  ? new DataSource({ type: 'better-sqlite3', database: 'idempotent-mq.sqlite', migrations })
  : new DataSource({ type: typeOf(url), url, migrations });

function typeOf(address: string): 'mysql' | 'mariadb' | 'postgres' {
  const protocol = URL.canParse(address) ? new URL(address).protocol : 'no URL';
  if (protocol === 'mysql:' || protocol === 'mariadb:') return protocol.slice(0, -1) as 'mysql' | 'mariadb';
  if (protocol === 'postgres:' || protocol === 'postgresql:') return 'postgres';
  throw new Error(
    `IDEMPOTENT_MQ_DATABASE must begin with mysql://, mariadb:// or postgres:// (got ${protocol}).`,
  );
}
