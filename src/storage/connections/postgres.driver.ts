import { postgresBegin, postgresConsumerSession, postgresControlSession } from '../statements/index.js';
import { type PostgresClient, isOutOfTransaction } from './postgres-client.js';
import type { ServerDriver } from './server-driver.js';

export const postgresDriver: ServerDriver<PostgresClient> = {
  poolExtra: ({ connections, idleTimeoutSeconds }) => ({
    max: connections,
    idleTimeoutMillis: (idleTimeoutSeconds * 1000) / 2,
    // Several statements on their way at once: what comes behind a failed one would run where that was rolled back.
    pipeline: false,
  }),
  controlExtra: {},
  // The app's own DataSource sees to those.
  ownOptions: { installExtensions: false },
  controlSession: postgresControlSession,
  consumerSession: postgresConsumerSession,
  // TypeORM releases a runner whose connection breaks, and then says of a handler's statement no more than that. Without
  // its listener the next statement fails with what it is. The pool has one of its own for those that are idle.
  taken: (client) => void client.removeAllListeners('error').on('error', () => undefined),
  // Throws where the driver can't say it.
  prepared: (client) => void isOutOfTransaction(client),
  listens: true,
  begin: postgresBegin,
  inTransaction: (client) => !isOutOfTransaction(client),
  destroy(client, _runner, giveBack) {
    // Without a goodbye where a statement runs. The pool drops what is ending.
    client.end(() => undefined);
    void giveBack().catch(() => undefined);
  },
};
