import { ask } from '../processes/ask.js';
import { issueCard } from '../processes/issuing.js';
import { brokenConsumer, insertOwnDedup } from './broken-consumer.js';
import type { Variant } from './variant.js';

/** Looks whether the biz-id is noted, and takes what it saw for what is so: that the key is there by then tells it nothing. */
export const lookFirst: Variant = {
  name: 'look-first',
  damage: 'doubled',
  // Copies at the same time.
  campaigns: ['duplicates'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  // The look comes before the transaction. Within it, SQLite would let nobody else look meanwhile.
  consumer: brokenConsumer(async ({ dataSource, card, delivery }) => {
    const noted = await ask(dataSource, 'SELECT payment_id FROM own_dedup WHERE grp = ? AND payment_id = ?', [
      card.group,
      card.paymentId,
    ]);
    if (noted.length === 0) {
      await dataSource.transaction(async (manager) => {
        await insertOwnDedup(manager, card);
        await issueCard(manager, card);
      });
    }
    return delivery.ack();
  }),
};
