import { setTimeout as pause } from 'node:timers/promises';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  ClockWatch,
  type LibraryConnections,
  deleteAccepted,
  findForgettable,
  insertFloor,
  raiseFloor,
  readClock,
  readFloor,
} from '../storage/index.js';
import { smallestIdAt } from './smallest-id.js';

const BATCH = 1_000;
/** Between two batches, in milliseconds: publishers come first. */
const BREATH_MS = 20;

/**
 * Forgets inner-msg-ids that are older than the window. The floor is raised, and committed, before anything below it is
 * deleted: whoever inserts an id after its row is gone reads a floor above it. The other way round it would land twice.
 */
export class ForgettingAccepted {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
    private readonly windowMs: number,
    private readonly watch = new ClockWatch(),
  ) {}

  /** @returns how many ids were forgotten */
  async sweep(signal?: AbortSignal): Promise<number> {
    const { database } = this.connections;
    const clock = await this.connections.control((on) => readClock(database, on));
    const known = await this.connections.control((on) => readFloor(database, on));
    const jump = this.watch.jumpAt(clock, known?.clock);
    if (jump !== undefined) {
      this.events.emit({ type: 'clock-jumped', byMs: jump });
      return 0;
    }
    const floor = smallestIdAt(clock / 1000 - this.windowMs);
    if (!known) await this.insert({ floor, clock });
    // Also where another one was quicker to insert it: its window may be longer.
    await this.connections.control((on) => raiseFloor(database, on, { floor, clock }));
    const committed = await this.connections.control((on) => readFloor(database, on));
    return committed ? this.forgetBelow(committed.floor, signal) : 0;
  }

  private async insert(floor: { floor: Buffer; clock: number }): Promise<void> {
    const { database } = this.connections;
    try {
      await this.connections.control((on) => insertFloor(database, on, floor));
    } catch (error) {
      if (!database.dialect.isDuplicateKey(error)) throw error;
    }
  }

  private async forgetBelow(floor: Buffer, signal?: AbortSignal): Promise<number> {
    const { database } = this.connections;
    let forgotten = 0;
    while (!signal?.aborted) {
      const ids = await this.connections.control((on) =>
        findForgettable(database, on, { floor, limit: BATCH }),
      );
      if (ids.length > 0) {
        await this.connections.controlTransaction((on) => deleteAccepted(database, on, ids));
        forgotten += ids.length;
      }
      if (ids.length < BATCH) break;
      if (signal) await pause(BREATH_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
    if (forgotten > 0) this.events.emit({ type: 'forgotten', what: 'inner-msg-ids', count: forgotten });
    return forgotten;
  }
}
