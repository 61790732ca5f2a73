import {
  type KnownDedupRow,
  type LibraryConnections,
  deleteKnownDedups,
  insertKnownDedup,
  listKnownDedups,
  readClock,
  setDedupSeen,
} from '../storage/index.js';

/** Another database than the caller's that dedup rows of the group have been written to. */
export interface OtherDedup {
  readonly dedup: Buffer;
  /** When a consumer with it subscribed last, in microseconds since 1970 UTC. */
  readonly seenAt: number;
}

/**
 * Which databases the consumers of a subscription deduplicate in. With two of them, neither knows what took effect in the
 * other, and a message that comes again may take effect in both. The broker only remembers: whoever subscribes says it.
 */
export class KnownDedups {
  constructor(private readonly connections: LibraryConnections) {}

  /**
   * Notes that a consumer has subscribed which deduplicates in this database.
   *
   * @returns the one of the consumer that subscribed last, if it is another one; to one process, of those that come with
   * the same at the same time
   */
  async note(subscriptionId: number, dedup: Buffer): Promise<OtherDedup | undefined> {
    const { now, rows } = await this.look(subscriptionId);
    const own = rows.find(({ origin }) => origin.equals(dedup));
    // Also where the clock was set back, it is the last one from here on.
    const seenAt = Math.max(now, (rows[0]?.seenAt ?? 0) + 1);
    if (!(await this.isFirstToNote({ subscriptionId, origin: dedup }, own, seenAt))) return undefined;
    // Once more, and without a lock: of two that are the first of their databases at the same time, the later one sees both.
    const others = (await this.look(subscriptionId)).rows.filter(({ origin }) => !origin.equals(dedup));
    const other = others.find((row) => row.seenAt > (own?.seenAt ?? 0));
    return other && { dedup: other.origin, seenAt: other.seenAt };
  }

  async forget(subscriptionId: number): Promise<void> {
    const { database } = this.connections;
    await this.connections.control((on) => deleteKnownDedups(database, on, subscriptionId));
  }

  private look(subscriptionId: number): Promise<{ now: number; rows: KnownDedupRow[] }> {
    const { database } = this.connections;
    return this.connections.control(async (on) => ({
      now: await readClock(database, on),
      rows: await listKnownDedups(database, on, subscriptionId),
    }));
  }

  private async isFirstToNote(
    key: { subscriptionId: number; origin: Buffer },
    known: KnownDedupRow | undefined,
    seenAt: number,
  ): Promise<boolean> {
    const { database } = this.connections;
    if (known) {
      return this.connections.control((on) => setDedupSeen(database, on, key, { was: known.seenAt, seenAt }));
    }
    try {
      await this.connections.control((on) => insertKnownDedup(database, on, key, seenAt));
      return true;
    } catch (error) {
      if (database.dialect.isDuplicateKey(error)) return false;
      throw error;
    }
  }
}
