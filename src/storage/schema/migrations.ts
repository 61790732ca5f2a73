import type { MigrationInterface, QueryRunner } from 'typeorm';
import { DEFAULT_TABLE_PREFIX, databaseOf } from '../tables.js';
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
  const { tablePrefix = DEFAULT_TABLE_PREFIX } = options;
  // TypeORM tells migrations apart by name: a list may hold those of several instances.
  const instance = tablePrefix === DEFAULT_TABLE_PREFIX ? '' : `_${tablePrefix}`;
  class IdempotentMqTables1764000000000 implements MigrationInterface {
    readonly name = `IdempotentMqTables${instance}1764000000000`;

    async up(runner: QueryRunner): Promise<void> {
      await applyVersions(databaseOf(runner.dataSource, tablePrefix), runner);
    }

    async down(runner: QueryRunner): Promise<void> {
      const { tables } = databaseOf(runner.dataSource, tablePrefix);
      for (const table of Object.values(tables)) await runner.query(`DROP TABLE IF EXISTS ${table}`);
    }
  }
  return [IdempotentMqTables1764000000000];
}
