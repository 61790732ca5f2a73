import { createHash } from 'node:crypto';

/** The part that a key belongs to: the same for ever, and in every process. */
export function partitionOf(orderingKey: Buffer, partitions: number): number {
  return createHash('sha256').update(orderingKey).digest().readUInt32BE() % partitions;
}
