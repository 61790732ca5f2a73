import mysql2, { type Connection, type PoolOptions } from 'mysql2';
import type { Engine } from '../../support/engines.js';

/** Settings of an app's DataSource that change how its driver, or the session, reads and writes. */
export function hostileDataSources(engine: Engine): [string, object][] {
  if (engine === 'postgres') return POSTGRES;
  return engine === 'sqlite' ? SQLITE : MYSQL;
}

/** A mysql2 whose sessions all begin with this statement, as `init_connect` or a pool's hook would have it. */
export function sessionsBeginWith(...statements: string[]): object {
  const createPool = (options: PoolOptions) => {
    const pool = mysql2.createPool(options);
    pool.on('connection', (connection) => {
      for (const statement of statements) (connection as unknown as Connection).query(statement);
    });
    return pool;
  };
  return { driver: { ...mysql2, createPool } };
}

const asText = (field: { string(): string | null }) => field.string();

const MYSQL: [string, object][] = [
  ['charset latin1', { charset: 'latin1' }],
  ['sql_mode NO_BACKSLASH_ESCAPES', sessionsBeginWith("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")],
  [
    'sql_mode ANSI_QUOTES with all that comes along',
    sessionsBeginWith(
      "SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,NO_UNSIGNED_SUBTRACTION,HIGH_NOT_PRECEDENCE'",
    ),
  ],
  [
    'no sql_mode, which cuts in silence, and sql_safe_updates',
    sessionsBeginWith("SET sql_mode = ''", 'SET sql_safe_updates = 1'),
  ],
  [
    'REPEATABLE READ and autocommit off',
    sessionsBeginWith('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ', 'SET autocommit = 0'),
  ],
  ['clocks that disagree', { timezone: '+09:00', ...sessionsBeginWith("SET time_zone = '-05:00'") }],
  [
    'dates and numbers read in other ways',
    {
      timezone: 'local',
      dateStrings: true,
      supportBigNumbers: false,
      bigNumberStrings: false,
      extra: { decimalNumbers: true, namedPlaceholders: true },
    },
  ],
  ['a typeCast that makes everything a text', { extra: { typeCast: asText } }],
  [
    'affected rows that count changes only, and multiple statements',
    { multipleStatements: true, extra: { flags: ['-FOUND_ROWS'] } },
  ],
  ['a pool of one connection', { poolSize: 1 }],
];

const POSTGRES: [string, object][] = [
  [
    'SERIALIZABLE, clocks that disagree and bytes written in another way',
    {
      extra: {
        options:
          '-c default_transaction_isolation=serializable -c timezone=Asia/Tokyo -c bytea_output=escape',
      },
    },
  ],
  ['statements sent ahead of answers', { extra: { pipeline: true } }],
  ['a pool of one connection', { poolSize: 1 }],
];

const SQLITE: [string, object][] = [
  ['WAL switched on by the app', { enableWAL: true }],
  ['a busy timeout of its own', { timeout: 50 }],
  [
    'LIKE with case, and a cache of one statement',
    {
      statementCacheSize: 1,
      prepareDatabase: (db: { pragma(text: string): void }) => db.pragma('case_sensitive_like = 1'),
    },
  ],
];
