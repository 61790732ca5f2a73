import { retryWhileBusy } from './busy.js';
import type { RawDatabase, RawDatabaseClass, SqliteDriver } from './driver-surface.js';

const SYNCHRONOUS_FULL = 2;

/** Opens handles as the driver itself does, and makes them fit for being one of many. */
export class HandleOpener {
  readonly #createDatabaseConnection: SqliteDriver['createDatabaseConnection'];
  readonly #attachDatabases: SqliteDriver['attachDatabases'];

  /** @param driver before any of its methods were replaced */
  constructor(
    private readonly driver: SqliteDriver,
    private readonly waitMs: number,
  ) {
    this.#createDatabaseConnection = driver.createDatabaseConnection;
    this.#attachDatabases = driver.attachDatabases;
  }

  /** @param attach with the databases that entities name; those of the driver's own handle are attached later */
  async open({ attach }: { attach: boolean }): Promise<RawDatabase> {
    return retryWhileBusy(this.waitMs, async () => {
      let opened: RawDatabase | undefined;
      try {
        await this.#create((raw) => (opened = raw));
        if (!opened) throw new TypeError('TypeORM opened no database.');
        if (attach) await this.attachTo(opened);
        prepareForSharing(opened);
        return opened;
      } catch (error) {
        opened?.close();
        throw error;
      }
    });
  }

  async attachTo(raw: RawDatabase): Promise<void> {
    const query = async (sql: string): Promise<unknown> => raw.exec(sql);
    await this.#attachDatabases.call(seenWith(this.driver, { dataSource: { query } }));
  }

  async #create(onOpen: (raw: RawDatabase) => void): Promise<void> {
    const Database = this.driver.sqlite;
    // A function, since it is called with `new`: it lets us close a handle whose preparation fails half-way.
    function CapturedDatabase(...parameters: unknown[]): RawDatabase {
      const raw = new Database(...parameters);
      onOpen(raw);
      return raw;
    }
    // A busy timeout would block the event loop, and switching to WAL may have to be tried again.
    const options = { ...this.driver.options, timeout: 0, enableWAL: false };
    const sqlite = CapturedDatabase as unknown as RawDatabaseClass;
    await this.#createDatabaseConnection.call(seenWith(this.driver, { options, sqlite }));
  }
}

/** @throws SQLITE_BUSY where another connection is in the way */
export function prepareForSharing(raw: RawDatabase): void {
  raw.pragma('busy_timeout = 0');
  for (const { name, file } of databasesOf(raw)) {
    if (name === 'temp') continue;
    const schema = `"${name.replaceAll('"', '""')}"`;
    // WAL: readers and the writer don't wait for each other. Where it is not to be had, SQLite leaves what was.
    if (file !== '' && !raw.readonly && raw.pragma(`${schema}.journal_mode`, { simple: true }) !== 'wal') {
      raw.pragma(`${schema}.journal_mode = WAL`);
    }
    // better-sqlite3 is compiled to sync a WAL at checkpoints only: a commit, and the ACK in it, would not survive a
    // power cut.
    if (Number(raw.pragma(`${schema}.synchronous`, { simple: true })) < SYNCHRONOUS_FULL) {
      raw.pragma(`${schema}.synchronous = FULL`);
    }
  }
}

/** The file of the main database as SQLite names it; empty for a database in memory or a temporary one. */
export function fileOf(raw: RawDatabase): string {
  return databasesOf(raw).find(({ name }) => name === 'main')?.file ?? '';
}

function databasesOf(raw: RawDatabase): { name: string; file: string }[] {
  return raw.pragma('database_list') as { name: string; file: string }[];
}

/** The driver as it is, but for some properties: its own methods, called on this, see those instead. */
function seenWith(driver: SqliteDriver, properties: object): SqliteDriver {
  return Object.create(driver, Object.getOwnPropertyDescriptors(properties)) as SqliteDriver;
}
