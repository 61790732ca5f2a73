import type { DataSource } from 'typeorm';
import { checkSchema, databaseOf, forgetBroker, nameOfDatabase } from '../storage/index.js';
import type { Command } from './command.js';
import { fileMustExist } from './sqlite-file.js';

export const brokerReplacedCommand: Command = {
  name: 'broker-replaced',
  help: "on a publisher's database, when its broker's place was taken by another one: its outbox may send there from now on",
  flags: {},
  run: (dataSource, { 'table-prefix': tablePrefix }) => sendToTheNext(dataSource, tablePrefix),
};

/** For a broker that takes the place of another one: the outbox sends to it what the other one has not acknowledged. */
async function sendToTheNext(dataSource: DataSource, tablePrefix: string | undefined): Promise<void> {
  fileMustExist(dataSource);
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
