import { engineOfOptions } from '../databases/create.js';
import { nowOn } from '../databases/now.js';
import { openRaw } from '../databases/raw.js';
import { retentionMs } from '../processes/retention.js';
import type { Variant } from './variant.js';

/**
 * The rule that one would write down first: a row goes when it is older than the retention, and than the oldest message that
 * has not come to its end.
 */
export const naiveForgetting: Variant = {
  name: 'naive-forgetting',
  damage: 'doubled',
  campaigns: ['forgetting'],
  // In shape 2 the retention is longer, and what is caught is left to chance.
  shapes: [1],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  forget: ({ business, broker = business, shape }) => {
    const [log, messages] = [openRaw(business), openRaw(broker)];
    const now = nowOn(engineOfOptions(business));
    return async () => {
      const [unfinished] = await messages.query('SELECT MIN(landed_at) AS oldest FROM mq_message');
      const oldest = Number(unfinished!.oldest ?? Number.MAX_SAFE_INTEGER);
      await log.query(`DELETE FROM mq_dedup WHERE created_at < ${now} - ? AND created_at < ?`, [
        retentionMs(shape) * 1_000,
        oldest,
      ]);
    };
  },
};
