import type { IdempotentMqEvents } from '../events/index.js';
import { type LibraryConnections, findOrigin } from '../storage/index.js';
import type { OtherDedup } from '../transport/port.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';

/**
 * Notices when a group's consumers do not all deduplicate in one database: what took effect by one of them, another one
 * would let take effect again.
 */
export class DedupWatch {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: Pick<IdempotentMqEvents, 'emit'>,
  ) {}

  /** Which database this consumer deduplicates in. A copy of it has the same. Undefined: in none that could be told. */
  async idFor({ kind }: DiscoveredConsumer): Promise<Buffer | undefined> {
    if (kind !== 'idempotent') return undefined;
    const { database } = this.connections;
    return this.connections.control((on) => findOrigin(database, on));
  }

  tell({ topic, options }: DiscoveredConsumer, own: Buffer, { dedup, seenAt }: OtherDedup): void {
    this.events.emit({
      type: 'dedup-database-changed',
      topic: topic.name,
      group: options.group,
      was: hex(dedup),
      now: hex(own),
      lastSeenAt: new Date(seenAt / 1_000),
    });
  }
}

function hex(id: Buffer): string {
  return id.toString('hex').toUpperCase();
}
