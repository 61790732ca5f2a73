import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import { once, postgresUrl } from './business/postgres.js';
import type { Place } from './contestant.js';
import type { ServerKind } from './servers/kinds.js';

/** How busy a server is kept, by its own count. RabbitMQ has none that compares. */
export async function statementsOf(kind: ServerKind, place: Place): Promise<number | undefined> {
  switch (kind) {
    case 'mariadb':
    case 'mysql':
      return questions(place.urls[kind]!);
    case 'postgres':
      return transactions(place);
    case 'redis':
      return commands(place.urls.redis!);
    case 'rabbitmq':
      return undefined;
  }
}

/** Statements that clients have sent, this one too. */
async function questions(url: string): Promise<number> {
  const session = await createConnection(url);
  try {
    const [rows] = await session.query("SHOW GLOBAL STATUS LIKE 'Questions'");
    return Number((rows as [{ Value: string }])[0].Value);
  } finally {
    await session.end();
  }
}

/** Transactions of one database, as each statement of a poll is one: PostgreSQL does not count statements by itself. */
async function transactions(place: Place): Promise<number> {
  const [row] = await once(
    postgresUrl(place),
    'SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return Number(row!.n);
}

async function commands(url: string): Promise<number> {
  const redis = new Redis(url);
  try {
    return Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))![1]);
  } finally {
    await redis.quit();
  }
}
