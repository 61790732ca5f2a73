import type { DataSource } from 'typeorm';
import { checkSchema, databaseOf, forgetBroker, nameOfDatabase } from '../storage/index.js';
import type { Command } from './command.js';
import { fileMustExist } from './sqlite-file.js';

export const brokerReplacedCommand: Command = {
  name: 'broker-replaced',
  summary: "lets the outbox of a publisher's database send to another broker",
  help: "For when its broker's place was taken by another one: the outbox sends to the next one that it reaches",
  examples: ['broker-replaced --database mysql://root:secret@127.0.0.1:3306/shop'],
  flags: {},
  run: async ({ dataSource, flags }) => sendToTheNext(await dataSource(), flags['table-prefix']),
};

/** For a broker that takes the place of another one: the outbox sends to it what the other one has not acknowledged. */
async function sendToTheNext(dataSource: DataSource, tablePrefix: string | undefined): Promise<void> {
  // A wrong prefix is found before there is a connection that would have to be closed.
  const database = databaseOf(dataSource, tablePrefix);
  fileMustExist(dataSource);
  if (!dataSource.isInitialized) await dataSource.initialize();
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
