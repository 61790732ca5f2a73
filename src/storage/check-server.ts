import { UnsupportedDatabaseError } from '../errors/index.js';
import { type Connection, read } from './execute.js';
import type { Database } from './tables.js';

interface Requirement {
  product: string;
  atLeast: readonly [number, number];
  because: string;
}

const MARIADB: Requirement = { product: 'MariaDB', atLeast: [10, 6], because: 'SKIP LOCKED and JSON_TABLE' };
const MYSQL: Requirement = { product: 'MySQL', atLeast: [8, 0], because: 'SKIP LOCKED and JSON_TABLE' };
const POSTGRES: Requirement = { product: 'PostgreSQL', atLeast: [13, 0], because: 'gen_random_uuid()' };
const SQLITE: Requirement = { product: 'SQLite', atLeast: [3, 42], because: "unixepoch('now', 'subsec')" };

/** @throws UnsupportedDatabaseError naming the version that is there and the one that is needed */
export async function checkServer({ dialect }: Database, on: Connection): Promise<void> {
  const { engine } = dialect;
  const [row] = await read<{ version: string }>(on, `SELECT ${VERSION[engine]} AS version`, []);
  const version = row?.version ?? '';
  const required = requirement(version, engine);
  // MariaDB may put 5.5.5- before its own version, for the sake of old replicas.
  const [major = 0, minor = 0] = version
    .replace(/^5\.5\.5-/, '')
    .split('.')
    .map(Number.parseFloat);
  const [needMajor, needMinor] = required.atLeast;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  throw new UnsupportedDatabaseError(
    `The database is ${required.product} ${version}, and version ${needMajor}.${needMinor} or later is needed, for ${required.because}.`,
  );
}

type Engine = Database['dialect']['engine'];

const VERSION: Record<Engine, string> = {
  mysql: 'VERSION()',
  postgres: "current_setting('server_version')",
  sqlite: 'sqlite_version()',
};

function requirement(version: string, engine: Engine): Requirement {
  if (engine === 'sqlite') return SQLITE;
  if (engine === 'postgres') return POSTGRES;
  return /mariadb/i.test(version) ? MARIADB : MYSQL;
}
