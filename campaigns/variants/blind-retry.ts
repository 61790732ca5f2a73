import { issueCard } from '../processes/issuing.js';
import { brokenConsumer, insertOwnDedup } from './broken-consumer.js';
import type { Variant } from './variant.js';

/** Takes an error of COMMIT for a no, and does the work again in place. */
export const blindRetry: Variant = {
  name: 'blind-retry',
  damage: 'doubled',
  campaigns: ['commit'],
  shapes: [1, 2],
  // SQLite's COMMIT has no answer to lose.
  engines: ['mariadb', 'mysql', 'postgres'],
  consumer: brokenConsumer(async ({ dataSource, card, delivery }) => {
    let committing = false;
    try {
      await dataSource.transaction(async (manager) => {
        if (await insertOwnDedup(manager, card)) await issueCard(manager, card);
        committing = true;
      });
    } catch (error) {
      if (!committing) throw error;
      await dataSource.transaction((manager) => issueCard(manager, card));
    }
    return delivery.ack();
  }),
};
