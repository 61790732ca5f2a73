import type { DataSource } from 'typeorm';
import { databaseOf } from '../../src/storage/index.js';
import { letPass as letTimePass } from '../../src/testing/statements/let-pass.js';

type Table =
  | 'message'
  | 'delivery'
  | 'delivery_keyed'
  | 'waiting'
  | 'parked'
  | 'dead_letter'
  | 'dedup'
  | 'dedup_kept'
  | 'scenario_source'
  | 'quarantine'
  | 'subscription'
  | 'group_limit'
  | 'claim_answer'
  | 'outbox'
  | 'outbox_keyed'
  | 'outbox_scheduled'
  | 'limited_lease';

export async function countRows(dataSource: DataSource, table: Table, where = '1 = 1'): Promise<number> {
  const [{ n }] = await dataSource.query(`SELECT COUNT(*) AS n FROM mq_${table} WHERE ${where}`);
  return Number(n);
}

/** How many messages, deliveries and so on there are: a trace of anything shows here. */
export async function tableSizes(dataSource: DataSource): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const table of [
    'message',
    'delivery',
    'delivery_keyed',
    'waiting',
    'parked',
    'dead_letter',
  ] as const) {
    const count = await countRows(dataSource, table);
    if (count > 0) sizes[table] = count;
  }
  return sizes;
}

/** What has not left the outbox. */
export async function outboxSize(dataSource: DataSource): Promise<number> {
  let size = 0;
  for (const table of ['outbox', 'outbox_keyed', 'outbox_scheduled'] as const)
    size += await countRows(dataSource, table);
  return size;
}

/** Lets time pass for the library's tables, as the testing kit does. */
export async function letPass(dataSource: DataSource, ms: number): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await letTimePass(databaseOf(dataSource), runner, ms);
  } finally {
    await runner.release();
  }
}
