import type { DataSource } from 'typeorm';
import { databaseOf, migrate, nameOfDatabase } from '../storage/index.js';

export async function migrateCommand(dataSource: DataSource, tablePrefix: string | undefined): Promise<void> {
  // The file that makes it may have connected it.
  if (!dataSource.isInitialized) await dataSource.initialize();
  try {
    await migrate(dataSource, tablePrefix);
    const { tableNames } = databaseOf(dataSource, tablePrefix);
    process.stdout.write(
      `Up to date, in ${nameOfDatabase(dataSource)}: ${Object.values(tableNames).join(', ')}\n`,
    );
  } finally {
    await dataSource.destroy();
  }
}
