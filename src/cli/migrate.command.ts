import type { DataSource } from 'typeorm';
import { databaseOf, migrate, nameOfDatabase } from '../storage/index.js';
import type { Command } from './command.js';

export const migrateCommand: Command = {
  name: 'migrate',
  summary: "creates the library's tables, or brings them up to date",
  help: 'Any number of processes may do it at once: one does, the others wait for it',
  examples: ['migrate --data-source dist/ormconfig.js'],
  flags: {},
  run: async ({ dataSource, flags }) => bringUpToDate(await dataSource(), flags['table-prefix']),
};

async function bringUpToDate(dataSource: DataSource, tablePrefix: string | undefined): Promise<void> {
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
