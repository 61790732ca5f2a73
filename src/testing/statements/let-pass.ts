import { type Connection, type Database, type TableKey, write } from '../../storage/index.js';

/** Each with the times that it keeps. */
const TIMES: Partial<Record<TableKey, readonly string[]>> = {
  message: ['landed_at', 'deliver_at', 'expires_at'],
  delivery: ['available_at'],
  delivery_keyed: ['available_at'],
  waiting: ['due_at'],
  parked: ['parked_at'],
  dead_letter: ['dead_at'],
  quarantine: ['quarantined_at'],
  group_limit: ['refilled_at'],
  claim_answer: ['expires_at'],
  outbox: ['available_at', 'expires_at'],
  outbox_keyed: ['available_at', 'expires_at'],
  outbox_scheduled: ['due_at', 'expires_at'],
  dedup: ['created_at'],
  dedup_kept: ['landed_at'],
  scenario: ['mark'],
  scenario_source: ['mark'],
};

/** Lets time pass for the tables of one database: all that is in them happened, or is due, that much earlier. */
export async function letPass({ tables }: Database, on: Connection, ms: number): Promise<void> {
  for (const [table, times] of Object.entries(TIMES)) {
    const moved = times.map((time) => `${time} = ${time} - ?`);
    const by = times.map(() => ms * 1000);
    await write(on, `UPDATE ${tables[table as TableKey]} SET ${moved.join(', ')}`, by);
  }
}
