import type { IdempotentMqEvents } from '../events/index.js';
import { type LibraryConnections, findOldestUnsent } from '../storage/index.js';
import { timeOf } from './inner-msg-id.js';

/** How often it looks, and how long a message may wait, in milliseconds. */
const LOOKS_MS = 60_000;

/** For a process that relays nothing: says so when nobody else does. */
export class WatchingUnrelayed {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
    private readonly looksMs = LOOKS_MS,
  ) {}

  /** May be called again. */
  start(): void {
    // A database that is away is told of by whoever publishes.
    this.timer ??= setInterval(() => void this.look().catch(() => undefined), this.looksMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  async look(): Promise<void> {
    const { database } = this.connections;
    const {
      innerMsgIds,
      now,
      overdue = 0,
    } = await this.connections.control((on) => findOldestUnsent(database, on));
    const ages = innerMsgIds.map((id) => now / 1000 - timeOf(id));
    const waitedMs = Math.max(overdue / 1000, ...ages);
    if (waitedMs > this.looksMs) this.events.emit({ type: 'unrelayed', waitedMs: Math.round(waitedMs) });
  }
}
