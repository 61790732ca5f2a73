import { DataSource } from 'typeorm';
import { StatementTimeoutError, describeError } from '../errors/index.js';
import {
  type LibraryConnections,
  checkSchema,
  databaseOf,
  isConnectionLost,
  isUnreachable,
  makeSqliteSafe,
  nameOfDatabase,
  openConnections,
} from '../storage/index.js';
import { fileMustExist } from './sqlite-file.js';

export interface OpeningOptions {
  tablePrefix: string | undefined;
  statementTimeoutMs: number;
  writeWaitMs: number;
  /** Whether the command writes. @default false */
  changes?: boolean;
}

/** Databases that a command looks into, and closes when it is done. It makes none; and unless told, it changes none. */
export class Opened {
  private readonly opened: { close(): Promise<unknown> }[] = [];

  constructor(private readonly options: OpeningOptions) {}

  async open(of: DataSource): Promise<LibraryConnections> {
    const { tablePrefix, statementTimeoutMs, writeWaitMs, changes = false } = this.options;
    const database = databaseOf(of, tablePrefix);
    if (database.dialect.engine === 'sqlite') {
      // Of a file that may be written to, the first handle makes a WAL, for good.
      if (changes) await this.lookFirst(of);
      else of.setOptions({ readonly: true });
      makeSqliteSafe(of, { writeWaitMs });
    }
    fileMustExist(of);
    if (!of.isInitialized) await naming(of, "can't be opened", () => of.initialize());
    this.opened.unshift({ close: () => of.destroy() });
    const connections = await openConnections(of, database, {
      scopeConnections: 1,
      // A command that writes may look something up beside its transaction.
      controlConnections: changes ? 2 : 1,
      statementTimeoutMs,
      writeWaitMs,
      idleTimeoutSeconds: 60,
    });
    this.opened.unshift(connections);
    const reached = namingWhatIsLost(connections, of);
    await reached.control((on) => checkSchema(database, on));
    return reached;
  }

  /** A file that is refused is left as it is. */
  private async lookFirst(of: DataSource): Promise<void> {
    const looking = new Opened({ ...this.options, changes: false });
    try {
      await looking.open(new DataSource({ ...of.options, entities: [], subscribers: [], migrations: [] }));
    } finally {
      await looking.close();
    }
  }

  async close(): Promise<void> {
    for (const one of this.opened) await one.close();
  }
}

/** Drivers don't say which database it is that they can't reach, and there may be two of them. */
async function naming<T>(
  of: DataSource,
  what: string,
  work: () => Promise<T>,
  isMeant: (error: unknown) => boolean = () => true,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isMeant(cause)) throw cause;
    throw new Error(`${nameOfDatabase(of)} ${what}: ${describeError(cause)}`, { cause });
  }
}

/** The same connections; where one of them is lost, the error says to which database. */
function namingWhatIsLost(connections: LibraryConnections, of: DataSource): LibraryConnections {
  const named: Pick<LibraryConnections, 'control' | 'controlTransaction'> = {
    control: (work) => naming(of, 'did not answer', () => connections.control(work), isLost),
    controlTransaction: (work, options) =>
      naming(of, 'did not answer', () => connections.controlTransaction(work, options), isLost),
  };
  return Object.assign(Object.create(connections) as LibraryConnections, named);
}

function isLost(error: unknown): boolean {
  return isConnectionLost(error) || isUnreachable(error) || error instanceof StatementTimeoutError;
}
