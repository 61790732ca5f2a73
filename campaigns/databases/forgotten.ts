import type { Pair } from './pair.js';

/**
 * Notes each dedup row that is forgotten. Only where forgetting is all that removes one: elsewhere rows are taken back of
 * work that has not begun.
 */
export async function noteForgotten({ rawBusiness }: Pair): Promise<void> {
  const note = 'INSERT INTO forgotten (biz_id, source_id) VALUES (OLD.biz_id, OLD.source_id)';
  await rawBusiness.query(
    `CREATE TRIGGER note_forgotten AFTER DELETE ON mq_dedup FOR EACH ROW BEGIN ${note}; END`,
  );
}
