import type { IdempotentMqEvents } from '../events/index.js';
import {
  type LibraryConnections,
  deleteCopy,
  deleteDeadLetters,
  findExpiredCopies,
  lockExpiredDeadLetters,
} from '../storage/index.js';

export interface ExpiringOptions {
  deadLetterMs: number;
  quarantineMs: number;
}

/** Small, because each row may carry a long history or body. */
const BATCH = 100;

/** Dead letters, and copies in the quarantine, that nobody has decided about for so long that nobody will. */
export class Expiring {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
    private readonly options: ExpiringOptions,
  ) {}

  /** @returns messages that may not be needed any more */
  async sweep(signal?: AbortSignal): Promise<number[]> {
    const seqs = await this.sweepDeadLetters(signal);
    this.tell('dead-letters', seqs.length);
    this.tell('quarantined-copies', await this.sweepQuarantine(signal));
    return seqs;
  }

  private async sweepDeadLetters(signal?: AbortSignal): Promise<number[]> {
    const { database } = this.connections;
    const expired = { olderThanMs: this.options.deadLetterMs, limit: BATCH };
    const gone: number[] = [];
    let batch: { subscriptionId: number; seq: number }[] = [];
    do {
      batch = await this.connections.controlTransaction(async (on) => {
        const letters = await lockExpiredDeadLetters(database, on, expired);
        for (const subscriptionId of new Set(letters.map((letter) => letter.subscriptionId))) {
          const seqs = letters.filter((of) => of.subscriptionId === subscriptionId).map(({ seq }) => seq);
          await deleteDeadLetters(database, on, { subscriptionId, seqs });
        }
        return letters;
      });
      gone.push(...batch.map(({ seq }) => seq));
    } while (batch.length === BATCH && !signal?.aborted);
    return gone;
  }

  private async sweepQuarantine(signal?: AbortSignal): Promise<number> {
    const { database } = this.connections;
    const expired = { olderThanMs: this.options.quarantineMs, limit: BATCH };
    let gone = 0;
    let copies: { id: number; decided: boolean }[] = [];
    do {
      copies = await this.connections.control((on) => findExpiredCopies(database, on, expired));
      for (const { id, decided } of copies) {
        const wasThere = await this.connections.controlTransaction((on) => deleteCopy(database, on, id));
        if (wasThere && !decided) gone++;
      }
    } while (copies.length === BATCH && !signal?.aborted);
    return gone;
  }

  private tell(what: 'dead-letters' | 'quarantined-copies', count: number): void {
    if (count > 0) this.events.emit({ type: 'forgotten', what, count });
  }
}
