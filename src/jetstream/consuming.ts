import type { EngineReceiver, EngineSubscription } from '../transport/engine/port.js';
import { partitionsOf } from './group-consumers.js';
import { Lane, type LaneDeps } from './lane.js';

const FLUSH_MS = 1_000;

/** Hands out what a group has: what has no ordering key as it comes, and of each partition one after the other. */
export class Consuming {
  private readonly lanes: readonly Lane[];

  constructor(
    subscription: EngineSubscription,
    { prefetch, partitions }: { prefetch: number; partitions: number },
    private readonly receiver: EngineReceiver,
    private readonly deps: LaneDeps,
  ) {
    this.lanes = partitionsOf({ partitions }).map(
      (partition) =>
        new Lane(subscription, partition, partition === undefined ? prefetch : 1, receiver, deps),
    );
    receiver.begun();
  }

  async stop(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.stop()));
    this.receiver.lost();
    // What was acknowledged or given back just now.
    await this.deps.connection.flush(FLUSH_MS);
  }
}
