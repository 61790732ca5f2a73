import { type Connection as Session, createConnection } from 'mysql2/promise';
import { startServers } from '../../../test/servers/index.mjs';
import type { RunningServer } from './kinds.js';
import { pidIn } from './start.js';

const GIB = 1024 ** 3;

/** As the tests have it, with the memory and the redo log that PostgreSQL has here too. What keeps a commit safe is not touched. */
export async function startSql(
  kind: 'mariadb' | 'mysql',
  log: (line: string) => void,
): Promise<RunningServer> {
  const { urls, unavailable, stop } = await startServers([kind], {
    signal: new AbortController().signal,
    log,
  });
  const url = urls[kind];
  if (url === undefined) throw new Error(unavailable[kind]);
  const session = await createConnection(url);
  try {
    const redo = kind === 'mariadb' ? 'innodb_log_file_size' : 'innodb_redo_log_capacity';
    // One that somebody named is theirs, and left as it is.
    if (process.env[`MQ_TEST_${kind.toUpperCase()}_URL`] === undefined) {
      await session.query(`SET GLOBAL innodb_buffer_pool_size = ${GIB}`);
      await session.query(`SET GLOBAL ${redo} = ${GIB}`);
    }
    const told = [
      'innodb_buffer_pool_size',
      redo,
      'innodb_flush_log_at_trx_commit',
      'log_bin',
      'sync_binlog',
    ];
    const settings = await Promise.all(
      [...told, 'innodb_doublewrite'].map(async (name) => `${name}=${await variable(session, name)}`),
    );
    return {
      kind,
      url,
      version: await variable(session, 'version'),
      settings: settings.join(', '),
      pid: await pidIn(await variable(session, 'pid_file')),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    await session.end();
  }
}

async function variable(session: Session, name: string): Promise<string> {
  const [rows] = await session.query('SHOW GLOBAL VARIABLES WHERE Variable_name = ?', [name]);
  return String((rows as { Value: string }[])[0]?.Value);
}
