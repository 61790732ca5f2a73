import type { BenchServer, RunningServer, ServerKind } from './kinds.js';
import { startPostgres } from './postgres.js';
import { startRabbitmq } from './rabbitmq.js';
import { startRedis } from './redis.js';
import { startSql } from './sql.js';

export type { BenchServer, ServerKind } from './kinds.js';

type Log = (line: string) => void;

/** Instead of starting one, that of somebody who thinks that theirs does better. */
const NAMED = {
  postgres: 'BENCH_POSTGRES_URL',
  redis: 'BENCH_REDIS_URL',
  rabbitmq: 'BENCH_RABBITMQ_URL',
} as const;

/** Starts them one after the other, and stops all when one can't be had. */
export async function startAll(
  kinds: readonly ServerKind[],
  log: Log,
): Promise<{ servers: BenchServer[]; stop: () => Promise<void> }> {
  const running: RunningServer[] = [];
  const stop = async () => void (await Promise.all(running.map((server) => server.stop())));
  try {
    for (const kind of kinds) {
      const server = await start(kind, log);
      running.push(server);
      log(`${kind}: ${server.version}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const servers = running.map(({ kind, url, version, settings, pid }) => ({
    kind,
    url,
    version,
    settings,
    pid,
  }));
  return { servers, stop };
}

function start(kind: ServerKind, log: Log): Promise<RunningServer> {
  switch (kind) {
    case 'mariadb':
    case 'mysql':
      return startSql(kind, log);
    case 'postgres':
      return named(kind) ?? startPostgres(log);
    case 'redis':
      return named(kind) ?? startRedis();
    case 'rabbitmq':
      return named(kind) ?? startRabbitmq();
  }
}

function named(kind: keyof typeof NAMED): Promise<RunningServer> | undefined {
  const url = process.env[NAMED[kind]];
  if (url === undefined) return undefined;
  const settings = `unknown: named by ${NAMED[kind]}`;
  return Promise.resolve({ kind, url, version: 'unknown', settings, pid: undefined, stop: async () => {} });
}
