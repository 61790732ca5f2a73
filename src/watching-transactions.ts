import { type IdempotentMqEvent, type IdempotentMqEvents } from './events/index.js';
import {
  type LibraryConnections,
  type OldTransaction,
  findHeldWal,
  findOldTransactions,
} from './storage/index.js';

/** How often it looks: it takes a millisecond or two, in each process that sweeps. Milliseconds. */
const LOOKS_MS = 60_000;
/** At a thousand messages a second, a look at everything costs 12 ms more by then (docs/measurements.md). Milliseconds. */
const OLD_MS = 60_000;
/** Of the same transaction nobody hears more often than this. Milliseconds. */
const AGAIN_MS = 600_000;
/** SQLite takes 4 MiB of its log into the file at a time, unless somebody reads as of before them. */
const LONG_WAL_BYTES = 64 * 1024 * 1024;

export interface WatchingOptions {
  /** Of the database, for messages. */
  name: string;
  /** Told once, when the user of the database may not see transactions. */
  onNotAllowed: (line: string) => void;
  looksMs?: number;
  oldMs?: number;
  longWalBytes?: number;
  /** A clock that nobody sets, in milliseconds. */
  now?: () => number;
}

/**
 * Tells of transactions that have been open for too long, whoever's they are. With one old read view open, what is deleted
 * stays in the tables to be stepped over: by claims that look at everything, by the sweeper and by forgetting.
 */
export class WatchingTransactions {
  private timer: NodeJS.Timeout | undefined;
  private allowed = true;
  /** When it was last told of, by what tells it from others. */
  private readonly told = new Map<string, number>();
  private readonly now: () => number;

  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
    private readonly options: WatchingOptions,
  ) {
    this.now = options.now ?? (() => performance.now());
  }

  /** May be called again. */
  start(): void {
    // A database that is away is told of by those who need it.
    this.timer ??= setInterval(
      () => void this.look().catch(() => undefined),
      this.options.looksMs ?? LOOKS_MS,
    ).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  async look(): Promise<void> {
    const { dialect } = this.connections.database;
    await (dialect.engine === 'sqlite' ? this.lookAtLog() : this.lookAtServer());
  }

  private async lookAtServer(): Promise<void> {
    // Refusals are counted by the server, and perhaps watched.
    if (!this.allowed) return;
    const { database } = this.connections;
    const { oldMs: olderThanMs = OLD_MS, name, onNotAllowed } = this.options;
    const found = await this.connections.control((on) => findOldTransactions(database, on, { olderThanMs }));
    if (!found) {
      this.allowed = false;
      onNotAllowed(
        `Nobody looks for old transactions on ${name}: its user lacks the PROCESS privilege. ` +
          'Granted or not, the library works; docs/operations.md, "An old transaction is open", says what to watch otherwise.',
      );
      return;
    }
    this.forgetAllBut(found.map(keyOf));
    const [oldest] = found;
    if (oldest && this.isToBeTold(keyOf(oldest))) this.events.emit(eventOf(oldest, name, found.length - 1));
  }

  private async lookAtLog(): Promise<void> {
    const { database } = this.connections;
    const { longWalBytes: longerThanBytes = LONG_WAL_BYTES } = this.options;
    const held = await this.connections.control((on) => findHeldWal(database, on, { longerThanBytes }));
    this.forgetAllBut(held ? [held.file] : []);
    if (!held || !this.isToBeTold(held.file)) return;
    this.events.emit({ type: 'wal-held', ...held, oldest: this.connections.oldestTransaction() });
  }

  private isToBeTold(key: string): boolean {
    const now = this.now();
    const last = this.told.get(key) ?? -Infinity;
    if (now - last < AGAIN_MS) return false;
    this.told.set(key, now);
    return true;
  }

  private forgetAllBut(keys: readonly string[]): void {
    for (const key of this.told.keys()) if (!keys.includes(key)) this.told.delete(key);
  }
}

function keyOf({ connectionId, startedAt }: OldTransaction): string {
  return `${connectionId} ${startedAt}`;
}

function eventOf(
  { startedAt: _, ...transaction }: OldTransaction,
  database: string,
  others: number,
): IdempotentMqEvent {
  return { type: 'old-transaction', database, ...transaction, others };
}
