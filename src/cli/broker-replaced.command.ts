import type { DataSource } from 'typeorm';
import { checkSchema, databaseOf, forgetBroker, nameOfDatabase } from '../storage/index.js';

/** For a broker that takes the place of another one: the outbox sends to it what the other one has not acknowledged. */
export async function brokerReplacedCommand(
  dataSource: DataSource,
  tablePrefix: string | undefined,
): Promise<void> {
  if (!dataSource.isInitialized) await dataSource.initialize();
  const database = databaseOf(dataSource, tablePrefix);
  const runner = dataSource.createQueryRunner();
  try {
    await checkSchema(database, runner);
    await forgetBroker(database, runner);
    process.stdout.write(
      `The outbox of ${nameOfDatabase(dataSource)} sends to the next broker that it reaches.\n`,
    );
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}
