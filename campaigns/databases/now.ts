import type { Engine } from './create.js';

const NOW: Record<Engine, string> = {
  sqlite: `CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)`,
  mariadb: 'CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)',
  mysql: 'CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)',
  postgres: 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)',
};

/** The database's clock in microseconds: all databases of a chunk are of one machine. */
export function nowOn(engine: Engine): string {
  return NOW[engine];
}
