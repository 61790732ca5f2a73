import type { BusinessParts } from './parts.js';

const TABLES = ['outbox', 'outbox_scheduled', 'outbox_origin'] as const;

/** A backup of the tables of an outbox, as they are now. */
export async function backUp({ dataSource }: BusinessParts): Promise<{ restore(): Promise<void> }> {
  const saved = new Map<string, Record<string, unknown>[]>();
  for (const table of TABLES) saved.set(table, await dataSource.query(`SELECT * FROM mq_${table}`));
  return {
    restore: () =>
      dataSource.transaction(async (manager) => {
        for (const [table, rows] of saved) {
          await manager.query(`DELETE FROM mq_${table}`);
          for (const row of rows) {
            const columns = Object.keys(row);
            await manager.query(
              `INSERT INTO mq_${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
              Object.values(row),
            );
          }
        }
      }),
  };
}
