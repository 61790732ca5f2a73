import type { DataSource } from 'typeorm';
import { describeError } from '../errors/index.js';
import {
  type LibraryConnections,
  checkSchema,
  databaseOf,
  makeSqliteSafe,
  nameOfDatabase,
  openConnections,
} from '../storage/index.js';
import { fileMustExist } from './sqlite-file.js';

export interface OpeningOptions {
  tablePrefix: string | undefined;
  statementTimeoutMs: number;
  writeWaitMs: number;
}

/** Databases that a command looks into, and closes when it is done. It makes none, and changes none. */
export class Opened {
  private readonly opened: { close(): Promise<unknown> }[] = [];

  constructor(private readonly options: OpeningOptions) {}

  async open(of: DataSource): Promise<LibraryConnections> {
    const { tablePrefix, statementTimeoutMs, writeWaitMs } = this.options;
    const database = databaseOf(of, tablePrefix);
    if (database.dialect.engine === 'sqlite') {
      // Of a file that may be written to, the first handle makes a WAL, for good.
      of.setOptions({ readonly: true });
      makeSqliteSafe(of, { writeWaitMs });
    }
    fileMustExist(of);
    if (!of.isInitialized) await connect(of);
    this.opened.unshift({ close: () => of.destroy() });
    const connections = await openConnections(of, database, {
      scopeConnections: 1,
      controlConnections: 1,
      statementTimeoutMs,
      writeWaitMs,
      idleTimeoutSeconds: 60,
    });
    this.opened.unshift(connections);
    await connections.control((on) => checkSchema(database, on));
    return connections;
  }

  async close(): Promise<void> {
    for (const one of this.opened) await one.close();
  }
}

/** Drivers don't say which database it is that they can't reach, and there may be two of them. */
async function connect(of: DataSource): Promise<void> {
  try {
    await of.initialize();
  } catch (cause) {
    throw new Error(`${nameOfDatabase(of)} can't be opened: ${describeError(cause)}`, { cause });
  }
}
