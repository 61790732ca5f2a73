import type { DataSource } from 'typeorm';

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

/** Lets time pass for the library's tables: everything in them happened, or is due, that much earlier. */
export async function letPass(dataSource: DataSource, ms: number): Promise<void> {
  const columns = [
    ...[
      'delivery.available_at',
      'delivery_keyed.available_at',
      'waiting.due_at',
      'parked.parked_at',
      'group_limit.refilled_at',
      'claim_answer.expires_at',
    ],
    ...['dead_letter.dead_at', 'quarantine.quarantined_at', 'outbox_scheduled.due_at'],
    ...['dedup.created_at', 'scenario.mark', 'scenario_source.mark', 'dedup_kept.landed_at'],
  ];
  for (const time of ['landed_at', 'deliver_at', 'expires_at']) columns.push(`message.${time}`);
  for (const column of columns) {
    const [table, time] = column.split('.') as [string, string];
    await dataSource.query(`UPDATE mq_${table} SET ${time} = ${time} - ?`, [ms * 1000]);
  }
}
