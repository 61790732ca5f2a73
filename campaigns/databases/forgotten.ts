import type { Pair } from './pair.js';
import { createTrigger } from './trigger.js';

/**
 * Notes each dedup row that is forgotten. Only where forgetting is all that removes one: elsewhere rows are taken back of
 * work that has not begun.
 */
export async function noteForgotten({ business, rawBusiness }: Pair): Promise<void> {
  await createTrigger(rawBusiness, business.engine, {
    name: 'note_forgotten',
    when: 'AFTER DELETE',
    table: 'mq_dedup',
    does: 'INSERT INTO forgotten (biz_id, source_id) VALUES (OLD.biz_id, OLD.source_id)',
  });
}
