import { OwnServer } from '../../test/support/own-server.js';
import { type Raw, openServer } from '../databases/raw.js';
import { Link } from '../proxy/link.js';
import { DURABLE } from './durable-server.js';

/** Nobody goes on without the replica's answer, however late that is. */
const OPTIONS = [
  ...DURABLE,
  '--log-slave-updates',
  '--binlog-format=ROW',
  '--skip-slave-start',
  '--rpl-semi-sync-slave-enabled=ON',
  '--rpl-semi-sync-master-wait-point=AFTER_SYNC',
  '--rpl-semi-sync-master-timeout=3600000',
  // What each server has done by itself must not be in the way of what it gets.
  '--init-file=',
];
/** Between a primary and its replica, in milliseconds. */
export const LATENCY_MS = 30;
const CATCHES_UP_WITHIN_S = 300;

export interface Address {
  host: string;
  port: number;
}

/** A MariaDB server that is a primary, or follows one. */
export class Member {
  private link: Link | undefined;

  private constructor(
    private readonly server: OwnServer,
    readonly sql: Raw,
  ) {}

  static async start(id: number): Promise<Member> {
    const server = await OwnServer.start('mariadb');
    try {
      // Its account is in a table that a kill so soon may take back.
      await server.shutDown();
      await server.startAgain([...OPTIONS, `--server-id=${id}`]);
      const member = new Member(server, openServer(credentialsOf(server.url)));
      await member.sql.query('RESET MASTER');
      return member;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  get address(): Address {
    const { host, port } = credentialsOf(this.server.url);
    return { host, port };
  }

  /** Resolves when it has all that the primary had when it was called. */
  async follow(primary: Member): Promise<void> {
    this.link = await Link.open(primary.address, LATENCY_MS);
    const { username, password } = credentialsOf(primary.server.url);
    await this.sql.query(
      `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?,
         MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1`,
      [this.link.port, username, password],
    );
    // All that ever was, a transaction after the other: with a flush for each it would take minutes. Nobody counts on it yet.
    await this.flushEach(false);
    await this.sql.query('START SLAVE');
    await this.catchUp(await primary.written());
    await this.flushEach(true);
    await this.catchUp(await primary.written());
  }

  /** From now on it acknowledges no COMMIT that its replica has not got. Resolves when that holds for all before as well. */
  async waitForReplica(replica: Member): Promise<void> {
    await this.sql.query('SET GLOBAL rpl_semi_sync_master_enabled = ON');
    await replica.catchUp(await this.written());
    const [status] = await this.sql.query(`SHOW STATUS LIKE 'Rpl_semi_sync_master_status'`);
    const [clients] = await this.sql.query(`SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'`);
    if (status!.Value === 'ON' && Number(clients!.Value) > 0) return;
    throw new Error(`The primary does not wait for its replica: ${JSON.stringify([status, clients])}`);
  }

  /** Becomes a primary, with all that it has got. */
  async promote(): Promise<void> {
    await this.sql.query('STOP SLAVE IO_THREAD');
    const [status] = await this.sql.query('SHOW SLAVE STATUS');
    await this.catchUp(String(status!.Gtid_IO_Pos));
    await this.sql.query('STOP SLAVE');
    await this.sql.query('RESET SLAVE ALL');
  }

  /** Its primary is out of reach, and what was on its way as well. */
  loseSight(): void {
    this.link?.cut();
  }

  async kill(): Promise<void> {
    await this.server.kill();
  }

  async close(): Promise<void> {
    this.loseSight();
    await this.sql.close().catch(() => undefined);
    await this.server.close();
  }

  private async flushEach(each: boolean): Promise<void> {
    await this.sql.query(`SET GLOBAL innodb_flush_log_at_trx_commit = ${each ? 1 : 0}`);
    await this.sql.query(`SET GLOBAL sync_binlog = ${each ? 1 : 0}`);
  }

  private async written(): Promise<string> {
    const [row] = await this.sql.query('SELECT @@GLOBAL.gtid_binlog_pos AS position');
    return String(row!.position);
  }

  private async catchUp(position: string): Promise<void> {
    const [row] = await this.sql.query('SELECT MASTER_GTID_WAIT(?, ?) AS late', [
      position,
      CATCHES_UP_WITHIN_S,
    ]);
    if (Number(row!.late) !== 0) throw new Error(`The replica does not get to ${position}.`);
  }
}

function credentialsOf(url: string) {
  const { hostname: host, port, username, password } = new URL(url);
  return { host, port: Number(port), username, password };
}
