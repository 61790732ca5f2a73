import type { QueryRunner } from 'typeorm';
import {
  type LibraryConnections,
  deleteScheduled,
  findScheduled,
  lockDeliveries,
  stillScheduled,
  subscriptionsOf,
} from '../storage/index.js';
import type { Topics } from './topics.js';

/** Takes back messages that are still scheduled. */
export class Cancelling {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly topics: Topics,
  ) {}

  async cancel(runner: QueryRunner, topic: string, bizId: Buffer): Promise<number> {
    const { database } = this.connections;
    const topicId = await this.topics.idWithin(runner, topic);
    const seqs = await findScheduled(database, runner, { topicId, bizId });
    if (seqs.length === 0) return 0;
    // Else one whose time comes just now would be moved, and perhaps handled, in between.
    const subscriptionIds = await subscriptionsOf(database, runner, topicId);
    for (const subscriptionId of subscriptionIds) {
      await lockDeliveries(database, runner, { subscriptionId, seqs });
    }
    const still = await stillScheduled(database, runner, seqs);
    if (still.length === 0) return 0;
    return deleteScheduled(database, runner, { topicId, subscriptionIds, seqs: still });
  }
}
