import type { QueryRunner } from 'typeorm';

/** TypeORM's own count of the transactions within each other, which it keeps to itself. */
export function depthOf(runner: QueryRunner): number {
  return (runner as { transactionDepth?: number }).transactionDepth ?? 1;
}
