import { ConfigurationError } from '../errors/index.js';
import { type Connection, read } from './execute.js';
import type { Database } from './tables.js';

export interface PoolSizes {
  /** Of the app's DataSource. */
  app: number;
  /** For handlers, and as many again for executors. */
  scopes: number;
  /** For claims, ACKs and renewals. */
  control: number;
}

const LIMITS = {
  mysql: 'SELECT @@max_connections AS max_connections, @@max_user_connections AS max_user_connections',
  // Some of them are kept for administrators. -1 is no limit of the role.
  postgres: `SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
               AS max_connections,
             (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS max_user_connections`,
};

/**
 * Pools grow when there is much to do, so a server that has too few connections would refuse them just then.
 *
 * @throws ConfigurationError naming the server's limit, what this process may open, and what to change
 */
export async function checkConnectionLimits(
  { dialect }: Database,
  on: Connection,
  { app, scopes, control }: PoolSizes,
): Promise<void> {
  if (dialect.engine === 'sqlite') return;
  const [limits] = await read<Record<'max_connections' | 'max_user_connections', number | string>>(
    on,
    LIMITS[dialect.engine],
    [],
  );
  const needed = app + 2 * scopes + control;
  for (const limit of ['max_connections', 'max_user_connections'] as const) {
    const allowed = Number(limits?.[limit]);
    // 0 is no limit, and MariaDB lets nobody but administrators in with -1.
    if (!(allowed > 0) || allowed >= needed) continue;
    const name =
      limit === 'max_user_connections' && dialect.engine === 'postgres' ? 'CONNECTION LIMIT' : limit;
    const whose = limit === 'max_connections' ? 'the server takes' : 'the server takes of this user';
    throw new ConfigurationError(
      `${name} is ${allowed}, which is all that ${whose}, and this process may open ${needed} connections: ` +
        `${app} of the app's pool, ${scopes} for handlers and ${scopes} for IdempotentExecutor (consumers.connections), ${control} for the broker. ` +
        `Raise ${name} to ${needed} for each process of this kind, and what else connects; or set a lower consumers.connections, and poolSize of the DataSource. ` +
        'See docs/operations.md, Running it.',
    );
  }
}
