import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { OwnServer } from '../../test/support/own-server.js';
import type { EngineOfServers } from '../databases/create.js';

/** Of MariaDB and MySQL: an acknowledged commit survives the server's death, in the binary log as well. */
export const DURABLE = ['--innodb-flush-log-at-trx-commit=1', '--sync-binlog=1', '--log-bin=binlog'];

/**
 * In memory MariaDB maps its log instead of writing it (10.8 and later, in /dev/shm): what a lazy one has not written yet would
 * survive, and the control would show nothing.
 */
const MEMORY = '/dev/shm';
const ON_DISK = '/var/tmp';

/** A server of a campaign's own that is killed and comes back. */
export class DurableServer {
  private constructor(
    private readonly server: OwnServer,
    readonly url: string,
    /** Of what comes back. */
    private readonly options: readonly string[],
  ) {}

  /** @param laterOptions what it is started with once it has been killed, beside what makes it durable */
  static async start(
    engine: EngineOfServers,
    id: number,
    laterOptions: readonly string[],
  ): Promise<DurableServer> {
    const folder = tmpdir().startsWith(MEMORY) ? ON_DISK : tmpdir();
    const server = await OwnServer.start(engine, { folder });
    // PostgreSQL is as durable as that by itself, and those of the tests say so.
    const options = engine === 'postgres' ? [] : [...DURABLE, `--server-id=${id}`];
    try {
      await server.kill();
      await server.startAgain(options);
    } catch (error) {
      await server.close();
      throw error;
    }
    return new DurableServer(server, server.url.replace(/^mysql:/, `${engine}:`), [
      ...options,
      ...laterOptions,
    ]);
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  /**
   * @param againAfterMs when it is killed once more, unless it answers before
   * @returns whether it was killed once more while it recovered
   */
  async comeBack(againAfterMs?: number): Promise<boolean> {
    await this.server.launch(this.options);
    const isAgain =
      againAfterMs !== undefined &&
      (await Promise.race([this.server.ready().then(() => false), pause(againAfterMs, true)]));
    if (isAgain) {
      await this.server.kill();
      await this.server.launch(this.options);
    }
    await this.server.ready();
    return isAgain;
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
