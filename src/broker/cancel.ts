import type { QueryRunner } from 'typeorm';
import { type LibraryConnections, deleteScheduled, findScheduled } from '../storage/index.js';
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
    return seqs.length === 0 ? 0 : deleteScheduled(database, runner, { topicId, seqs });
  }
}
