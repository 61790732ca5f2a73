import { DataSource } from 'typeorm';
import type { ResolvedOptions } from './idempotent-mq.options.js';
import {
  type LibraryConnections,
  checkConnectionLimits,
  checkSchema,
  checkServer,
  databaseOf,
  findDurabilityProblems,
  makeSqliteSafe,
  maxPacketBytes,
  migrate,
  openBrokerConnections,
} from './storage/index.js';

/** What is found out about a database at start. */
export interface CheckedDatabase {
  problems: string[];
  packetBytes: number;
}

/** The database of a broker that is not the app's own, and how to close it. */
export interface BrokerSide extends CheckedDatabase {
  connections: LibraryConnections;
  close(): Promise<void>;
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

export async function openBrokerSide(
  given: NonNullable<ResolvedOptions['broker']>['dataSource'],
  options: ResolvedOptions,
  connectionsOptions: Parameters<typeof openBrokerConnections>[2],
): Promise<BrokerSide> {
  const isOurs = !('driver' in given && 'createQueryRunner' in given);
  const dataSource = isOurs
    ? new DataSource({ ...given, entities: [], subscribers: [], migrations: [] })
    : given;
  const database = databaseOf(dataSource, options.tablePrefix);
  if (database.dialect.engine === 'sqlite') {
    makeSqliteSafe(dataSource, { writeWaitMs: options.writeWaitMs });
  }
  if (!dataSource.isInitialized) await dataSource.initialize();
  const closeOurs = async () => {
    if (isOurs && dataSource.isInitialized) await dataSource.destroy();
  };
  try {
    if (options.schema === 'ensure') await migrate(dataSource, options.tablePrefix);
    const connections = await openBrokerConnections(dataSource, database, connectionsOptions);
    try {
      const { controlConnections: control } = connectionsOptions;
      const checked = await checkDatabase(connections, { app: 1, scopes: 0, control });
      return {
        ...checked,
        connections,
        close: async () => {
          await connections.close();
          await closeOurs();
        },
      };
    } catch (error) {
      await connections.close();
      throw error;
    }
  } catch (error) {
    await closeOurs();
    throw error;
  }
}
