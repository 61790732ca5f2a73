import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/** Transactions of whoever uses the server, that keep it from purging what was deleted since they began. */
export interface OldTransaction {
  connectionId: number;
  /** Tells it from a later one of the same connection: when it began, as the server writes it. */
  startedAt: string;
  openMs: number;
  user: string;
  /** With its port, which `ss` and `lsof` know on that host. */
  host: string;
  /** Undefined: none was chosen. */
  schema: string | undefined;
  /** The first word of the statement that runs; undefined: it is idle. The rest may hold what is nobody's business. */
  running: string | undefined;
  /** For how long it has been idle, or the statement has been running. */
  forMs: number;
}

/** At READ COMMITTED each statement has a read view of its own; at the other levels there is none: SERIALIZABLE locks. */
const KEEPS_ITS_VIEW = 'REPEATABLE READ';
const KEEPS_A_STATEMENTS_VIEW = 'READ COMMITTED';

interface Transaction {
  id: number | string;
  isolation: string;
  started_at: string;
  open_s: number | string;
}

/**
 * The oldest first; undefined where the user lacks the PROCESS privilege, without which nobody sees transactions.
 * The library's own are none of them: they are at READ COMMITTED, and no statement of theirs takes that long.
 *
 * INNODB_TRX writes times in the time zone of the server's machine, whatever the session's is. The list of processes is
 * asked for only where there is something to look up in it.
 */
export async function findOldTransactions(
  { dialect }: Pick<Database, 'dialect'>,
  on: Connection,
  { olderThanMs }: { olderThanMs: number },
): Promise<OldTransaction[] | undefined> {
  if (dialect.engine === 'sqlite') return [];
  if (dialect.engine === 'postgres') return findOldPostgresTransactions(on, olderThanMs);
  const openSeconds = "TIMESTAMPDIFF(SECOND, trx_started, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))";
  try {
    const transactions = await read<Transaction>(
      on,
      `SELECT trx_mysql_thread_id AS id, trx_isolation_level AS isolation, CAST(trx_started AS CHAR) AS started_at,
              ${openSeconds} AS open_s
       FROM information_schema.INNODB_TRX
       WHERE trx_mysql_thread_id > 0 AND ${openSeconds} >= ? ORDER BY trx_started, trx_mysql_thread_id`,
      [olderThanMs / 1000],
    );
    if (transactions.length === 0) return [];
    const processes = await listProcesses(on);
    return transactions.flatMap((transaction) => {
      const process = processes.get(Number(transaction.id));
      return process && keepsAView(transaction, process, olderThanMs) ? [toOld(transaction, process)] : [];
    });
  } catch (error) {
    // Within the work, so that the connection is kept.
    if (dialect.isNotAllowed(error)) return undefined;
    throw error;
  }
}

/**
 * Of PostgreSQL: those that keep VACUUM from taking away what was deleted since they began. At READ COMMITTED an idle one
 * does so only if it has written. Who may not see what others do sees no times of theirs either.
 */
async function findOldPostgresTransactions(
  on: Connection,
  olderThanMs: number,
): Promise<OldTransaction[] | undefined> {
  const [{ allowed } = { allowed: false }] = await read<{ allowed: boolean }>(
    on,
    "SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS allowed",
    [],
  );
  if (!allowed) return undefined;
  const rows = await read<Record<string, number | string | null>>(
    on,
    `SELECT pid, xact_start::text AS started_at, usename, datname, state, query, client_port,
            COALESCE(host(client_addr), 'local') AS client,
            EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::float8 * 1000 AS open_ms,
            EXTRACT(EPOCH FROM clock_timestamp() - state_change)::float8 * 1000 AS for_ms
     FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
       AND xact_start < clock_timestamp() - make_interval(secs => ?::float8) ORDER BY xact_start, pid`,
    [olderThanMs / 1000],
  );
  return rows.map((row) => ({
    connectionId: Number(row.pid),
    startedAt: String(row.started_at),
    openMs: Math.round(Number(row.open_ms)),
    user: String(row.usename),
    host: Number(row.client_port) > 0 ? `${row.client}:${row.client_port}` : String(row.client),
    schema: row.datname === null ? undefined : String(row.datname),
    running: row.state === 'active' ? firstWord(String(row.query)) : undefined,
    forMs: Math.round(Number(row.for_ms)),
  }));
}

interface ServerProcess {
  user: string;
  host: string;
  schema: string | undefined;
  running: string | undefined;
  forMs: number;
}

interface ProcessRow {
  Id: number | string;
  User: string;
  Host: string;
  db: string | null;
  Command: string;
  Time: number | string | null;
  Info: string | null;
}

/** SHOW, and not information_schema.PROCESSLIST, which MySQL has deprecated. */
async function listProcesses(on: Connection): Promise<Map<number, ServerProcess>> {
  const rows = await read<ProcessRow>(on, 'SHOW PROCESSLIST', []);
  return new Map(
    rows.map(({ Id, User: user, Host: host, db, Command, Time, Info }) => {
      const running = Command === 'Sleep' ? undefined : firstWord(Info ?? Command);
      return [Number(Id), { user, host, schema: db ?? undefined, running, forMs: 1000 * Number(Time ?? 0) }];
    }),
  );
}

function keepsAView(
  { isolation }: Transaction,
  { running, forMs }: ServerProcess,
  olderThanMs: number,
): boolean {
  if (isolation === KEEPS_ITS_VIEW) return true;
  return isolation === KEEPS_A_STATEMENTS_VIEW && running !== undefined && forMs >= olderThanMs;
}

function toOld({ id, started_at, open_s }: Transaction, process: ServerProcess): OldTransaction {
  return { connectionId: Number(id), startedAt: started_at, openMs: 1000 * Number(open_s), ...process };
}

/** Behind comments and brackets. */
function firstWord(statement: string): string {
  const [, word] = /^(?:\s|\(|\/\*.*?\*\/)*([a-z]+)/is.exec(statement) ?? [];
  return word?.toUpperCase() ?? 'a statement';
}
