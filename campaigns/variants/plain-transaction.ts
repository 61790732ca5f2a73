import { BEHAVIOURS } from '../conducts/behaviours.js';
import { conductFor } from '../conducts/conduct.js';
import { engineOfOptions } from '../databases/create.js';
import { HOSTILE_RETRY } from '../processes/hostile-issuing.js';
import { issueCard } from '../processes/issuing.js';
import { brokenConsumer, insertOwnDedup } from './broken-consumer.js';
import type { Variant } from './variant.js';

/** Dedup row, effect and COMMIT in one transaction, and nobody looks whether it still is one. */
export const plainTransaction: Variant = {
  name: 'plain-transaction',
  damage: 'doubled',
  campaigns: ['hostile'],
  shapes: [1, 2],
  // SQLite's handles are guarded for everybody: a statement outside of its transaction waits, or is refused.
  engines: ['mariadb', 'mysql', 'postgres'],
  consumer: brokenConsumer(
    async ({ dataSource, card, delivery }) => {
      const { attempt } = delivery;
      await dataSource.transaction(async (manager) => {
        if (!(await insertOwnDedup(manager, card))) return;
        const issue = (by = manager) => issueCard(by, card);
        const conduct = conductFor(engineOfOptions(dataSource.options), card.group, card.paymentId);
        await (conduct
          ? BEHAVIOURS[conduct]({ ...card, attempt, manager, outer: dataSource, issue })
          : issue());
      });
      return delivery.ack();
    },
    { retry: HOSTILE_RETRY },
  ),
};
