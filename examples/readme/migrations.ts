import { DataSource } from 'typeorm';
import { idempotentMqMigrations } from '../../src/index.js';

// #region migrations
export default new DataSource({
  type: 'mysql',
  url: process.env.DATABASE_URL,
  migrations: [...idempotentMqMigrations(), 'dist/migrations/*.js'],
});
// #endregion
