import type { DataSource } from 'typeorm';
import {
  type LibraryConnections,
  checkSchema,
  databaseOf,
  makeSqliteSafe,
  openConnections,
} from '../storage/index.js';
import { fileMustExist } from './sqlite-file.js';

export interface OpeningOptions {
  tablePrefix: string | undefined;
  statementTimeoutMs: number;
  writeWaitMs: number;
}

/** Databases that a command looks into, and closes when it is done. It makes none. */
export class Opened {
  private readonly opened: { close(): Promise<unknown> }[] = [];

  constructor(private readonly options: OpeningOptions) {}

  async open(of: DataSource): Promise<LibraryConnections> {
    const { tablePrefix, statementTimeoutMs, writeWaitMs } = this.options;
    const database = databaseOf(of, tablePrefix);
    if (database.dialect.engine === 'sqlite') makeSqliteSafe(of, { writeWaitMs });
    fileMustExist(of);
    if (!of.isInitialized) await of.initialize();
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
