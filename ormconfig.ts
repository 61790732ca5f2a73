import { DataSource } from 'typeorm';
import { idempotentMqMigrations } from './src/index.js';

/** For the TypeORM CLI: `npm run typeorm -- migration:run`. IDEMPOTENT_MQ_DATABASE may name a mysql:// or mariadb:// URL. */
const url = process.env.IDEMPOTENT_MQ_DATABASE;
const migrations = idempotentMqMigrations();

export default url === undefined
  ? new DataSource({ type: 'better-sqlite3', database: 'idempotent-mq.sqlite', migrations })
  : new DataSource({ type: url.startsWith('mariadb:') ? 'mariadb' : 'mysql', url, migrations });
