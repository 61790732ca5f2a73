import { createHash, randomUUID } from 'node:crypto';
import { type LibraryConnections, tellListeners } from '../storage/index.js';
import type { Landings, OtherProcesses } from './landed-bell.js';

/** PostgreSQL takes 8,000 bytes. */
const MOST_BYTES = 7_000;

interface Told {
  from: string;
  landings: [topic: string, keyed: boolean][];
}

/** Undefined where the database tells nobody. */
export function otherProcesses(connections: LibraryConnections): OtherProcesses | undefined {
  return connections.database.dialect.engine === 'postgres' ? new ByNotify(connections) : undefined;
}

/**
 * Tells other processes by NOTIFY, after the COMMIT and not in it: a transaction with a NOTIFY takes a lock of the whole
 * server's to commit, so that all who publish would commit one after the other. One at a time, and what comes meanwhile goes
 * with the next.
 */
class ByNotify implements OtherProcesses {
  private readonly from = randomUUID();
  private readonly channel: string;
  private readonly untold = new Map<string, boolean>();
  private isTelling = false;

  constructor(private readonly connections: LibraryConnections) {
    // Those who share the tables share the channel, which is the database's own. Not their full names: those are complete
    // only once the DataSource has connected.
    const name = createHash('sha256').update(connections.database.tableNames.message).digest('hex');
    this.channel = `idempotent_mq_${name.slice(0, 16)}`;
  }

  tell(landings: Landings): void {
    for (const [topic, keyed] of landings) this.untold.set(topic, keyed || this.untold.get(topic) === true);
    if (!this.isTelling) void this.tellAll();
  }

  listen(hear: (landings: Landings) => void): () => void {
    return (
      this.connections.listen?.(this.channel, (text) => {
        const told = toldBy(text);
        if (told && told.from !== this.from) hear(new Map(told.landings));
      }) ?? (() => undefined)
    );
  }

  private async tellAll(): Promise<void> {
    this.isTelling = true;
    try {
      while (this.untold.size > 0) await this.tellSome();
    } catch {
      // Whoever was to hear it polls.
      this.untold.clear();
    } finally {
      this.isTelling = false;
    }
  }

  private async tellSome(): Promise<void> {
    const told: Told = { from: this.from, landings: [] };
    let bytes = 0;
    for (const [topic, keyed] of this.untold) {
      // Beside its name, which is ASCII, quotes and the like.
      bytes += topic.length + 10;
      if (bytes > MOST_BYTES) break;
      told.landings.push([topic, keyed]);
      this.untold.delete(topic);
    }
    await this.connections.control((on) => tellListeners(on, this.channel, JSON.stringify(told)));
  }
}

/** Anybody may send a NOTIFY: what is none of the library's is nothing to hear. */
function toldBy(text: string): Told | undefined {
  try {
    const told = JSON.parse(text) as Told | null;
    return Array.isArray(told?.landings) && told.landings.every(Array.isArray) ? told : undefined;
  } catch {
    return undefined;
  }
}
