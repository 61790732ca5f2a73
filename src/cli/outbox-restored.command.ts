import type { DataSource } from 'typeorm';
import { checkSchema, countOutbox, databaseOf, markAllMaybeSent } from '../storage/index.js';
import type { Command } from './command.js';
import { fileMustExist } from './sqlite-file.js';

export const outboxRestoredCommand: Command = {
  name: 'outbox-restored',
  summary: "after a backup of a publisher's database was restored, and before it publishes again",
  help: 'What is in its outbox may have been sent since the backup was made, and keeps its inner-msg-ids',
  examples: ['outbox-restored --database mysql://root:secret@127.0.0.1:3306/shop'],
  flags: {},
  run: async ({ dataSource, flags }) => keepIds(await dataSource(), flags['table-prefix']),
};

/** For after a backup of a publisher's database was restored, and before its relays run again. */
async function keepIds(dataSource: DataSource, tablePrefix: string | undefined): Promise<void> {
  // A wrong prefix is found before there is a connection that would have to be closed.
  const database = databaseOf(dataSource, tablePrefix);
  fileMustExist(dataSource);
  if (!dataSource.isInitialized) await dataSource.initialize();
  const runner = dataSource.createQueryRunner();
  try {
    await checkSchema(database, runner);
    await runner.startTransaction();
    await markAllMaybeSent(database, runner);
    const { waiting, scheduled } = await countOutbox(database, runner);
    await runner.commitTransaction();
    process.stdout.write(
      `${waiting} messages in the outbox and ${scheduled} scheduled ones keep their inner-msg-ids: what of them was sent before is not stored again.\n`,
    );
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}
