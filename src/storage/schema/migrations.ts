import type { MigrationInterface, QueryRunner } from 'typeorm';
import { databaseOf } from '../tables.js';
import { applyVersions } from './migrate.js';

/**
 * The library's migrations, for the `migrations` of your own DataSource:
 *
 * ```ts
 * new DataSource({ ..., migrations: [...idempotentMqMigrations(), 'dist/migrations/*.js'] })
 * ```
 */
export function idempotentMqMigrations(
  options: { tablePrefix?: string } = {},
): (new () => MigrationInterface)[] {
  class IdempotentMqTables1764000000000 implements MigrationInterface {
    readonly name = 'IdempotentMqTables1764000000000';

    async up(runner: QueryRunner): Promise<void> {
      await applyVersions(databaseOf(runner.dataSource, options.tablePrefix), runner);
    }

    async down(runner: QueryRunner): Promise<void> {
      const { tables } = databaseOf(runner.dataSource, options.tablePrefix);
      for (const table of Object.values(tables)) await runner.query(`DROP TABLE IF EXISTS ${table}`);
    }
  }
  return [IdempotentMqTables1764000000000];
}
