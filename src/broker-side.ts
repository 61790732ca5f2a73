import { DataSource, type DataSourceOptions } from 'typeorm';
import { BrokerUnreachableError, NotDurableError, StatementTimeoutError } from './errors/index.js';
import type { ResolvedOptions } from './idempotent-mq.options.js';
import {
  LateConnections,
  type LibraryConnections,
  type StatementLimits,
  checkConnectionLimits,
  checkSchema,
  checkServer,
  databaseOf,
  findDurabilityProblems,
  isUnreachable,
  makeSqliteSafe,
  maxPacketBytes,
  migrate,
  nameOfDatabase,
  openBrokerConnections,
} from './storage/index.js';

/** What is found out about a database at start. */
export interface CheckedDatabase {
  problems: string[];
  packetBytes: number;
}

/**
 * @throws UnsupportedDatabaseError, SchemaMissingError
 */
export async function checkDatabase(
  connections: LibraryConnections,
  pools: Parameters<typeof checkConnectionLimits>[2],
): Promise<CheckedDatabase> {
  const { database } = connections;
  await connections.control((on) => checkServer(database, on));
  await connections.control((on) => checkConnectionLimits(database, on, pools));
  await connections.control((on) => checkSchema(database, on));
  return {
    problems: await connections.control((on) => findDurabilityProblems(database, on)),
    packetBytes: (await connections.control((on) => maxPacketBytes(database, on))) ?? Infinity,
  };
}

interface BrokerSideDeps {
  options: Pick<ResolvedOptions, 'tablePrefix' | 'writeWaitMs' | 'schema' | 'durability'>;
  connections: Parameters<typeof openBrokerConnections>[2];
  /** What may be told of a server's packets before it has been asked. */
  limitsOf: (packetBytes: number) => StatementLimits;
  /** Then a broker in memory loses nothing that the app would keep. */
  appIsInMemory: boolean;
  warn: (message: string) => void;
}

/** The database of a broker that is not the app's own. It may be away when the process starts, and come later. */
export class BrokerSide {
  /** For messages. */
  readonly name: string;
  readonly connections: LateConnections;
  readonly limits: StatementLimits;
  private packetBytes = Infinity;
  private closeOurs: () => Promise<void> = () => Promise.resolve();

  constructor(
    private readonly given: DataSourceOptions | DataSource,
    private readonly deps: BrokerSideDeps,
  ) {
    const { options, limitsOf } = deps;
    // Connects to nothing yet.
    const dataSource = isDataSource(given) ? given : ownDataSource(given);
    this.name = nameOfDatabase(dataSource);
    const limits = () => limitsOf(this.packetBytes);
    this.limits = {
      get maxRows() {
        return limits().maxRows;
      },
      get maxBytes() {
        return limits().maxBytes;
      },
      get packetBytes() {
        return limits().packetBytes;
      },
    };
    this.connections = new LateConnections(databaseOf(dataSource, options.tablePrefix), () => this.open());
  }

  /**
   * Connects, and checks what is there.
   *
   * @returns whether it could be reached
   * @throws what is wrong with it
   */
  async tryToOpen(): Promise<boolean> {
    try {
      await this.connections.ready();
      return true;
    } catch (error) {
      if (error instanceof BrokerUnreachableError) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.connections.close();
    await this.closeOurs();
  }

  private async open(): Promise<LibraryConnections> {
    const { given } = this;
    const dataSource = isDataSource(given) ? given : ownDataSource(given);
    const close = async () => {
      if (!isDataSource(given) && dataSource.isInitialized) await dataSource.destroy();
    };
    try {
      const connections = await this.openOn(dataSource);
      this.closeOurs = close;
      return connections;
    } catch (error) {
      await close();
      throw isUnreachable(error) || error instanceof StatementTimeoutError
        ? new BrokerUnreachableError(this.name, { cause: error })
        : error;
    }
  }

  private async openOn(dataSource: DataSource): Promise<LibraryConnections> {
    const { options, connections: connectionsOptions, appIsInMemory, warn } = this.deps;
    const { database } = this.connections;
    if (database.dialect.engine === 'sqlite') {
      makeSqliteSafe(dataSource, { writeWaitMs: options.writeWaitMs });
    }
    if (!dataSource.isInitialized) await dataSource.initialize();
    if (options.schema === 'ensure') await migrate(dataSource, options.tablePrefix);
    const connections = await openBrokerConnections(dataSource, database, connectionsOptions);
    try {
      const { controlConnections: control } = connectionsOptions;
      const { problems, packetBytes } = await checkDatabase(connections, { app: 1, scopes: 0, control });
      if (isInMemory(dataSource) && !appIsInMemory) {
        problems.push('its SQLite database is in memory, and gone with this process');
      }
      if (problems.length > 0) {
        if (options.durability === 'require') throw new NotDurableError(problems);
        warn(new NotDurableError(problems, { isAccepted: true }).message);
      }
      this.packetBytes = packetBytes;
      return connections;
    } catch (error) {
      await connections.close();
      throw error;
    }
  }
}

export function isInMemory({ options }: DataSource): boolean {
  return options.type === 'better-sqlite3' && /^(:memory:)?$/.test(options.database);
}

function isDataSource(given: DataSourceOptions | DataSource): given is DataSource {
  return 'driver' in given && 'createQueryRunner' in given;
}

function ownDataSource(given: DataSourceOptions): DataSource {
  return new DataSource({
    ...given,
    entities: [],
    subscribers: [],
    migrations: [],
    // The broker's tables are the library's own: nothing that an app sets for its own may touch them.
    synchronize: false,
    dropSchema: false,
    migrationsRun: false,
  });
}
