import { mysqlConsumerSession, mysqlControlSession } from '../statements/index.js';
import type { ServerDriver } from './server-driver.js';

/** What is used here of a connection of mysql2. */
interface MysqlConnection {
  destroy(): void;
  promise?(): object;
  stream?: { destroy(): void };
}

/** No `begin`: autocommit is off. */
export const mysqlDriver: ServerDriver<MysqlConnection> = {
  poolExtra: ({ connections, idleTimeoutSeconds }) => ({
    connectionLimit: connections,
    // A stack for each statement, in case that it fails: TypeORM's own error has one.
    trace: false,
    // mysql2 closes idle connections only where fewer may be idle than open; the server, which ends its own, comes later.
    maxIdle: Math.max(1, connections - 1),
    idleTimeout: (idleTimeoutSeconds * 1000) / 2,
  }),
  controlExtra: { typeCast: true, rowsAsArray: false },
  ownOptions: {},
  controlSession: ({ idleTimeoutSeconds }) => mysqlControlSession(idleTimeoutSeconds),
  consumerSession: mysqlConsumerSession,
  listens: false,
  taken: () => undefined,
  prepared: keepPromising,
  destroy(connection, runner) {
    connection.destroy();
    // mysql2 only says goodbye, which a server that is blocked in sending rows never hears.
    connection.stream?.destroy();
    // TypeORM would give the destroyed connection back to the pool.
    Object.assign(runner, { isReleased: true });
  },
};

/** TypeORM asks for the connection's side with promises at each statement, and mysql2 would make a new one each time. */
function keepPromising(connection: MysqlConnection): void {
  const promising = connection.promise?.();
  if (promising) connection.promise = () => promising;
}
