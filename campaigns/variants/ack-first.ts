import { issueCard } from '../processes/issuing.js';
import { brokenConsumer, insertOwnDedup } from './broken-consumer.js';
import type { Variant } from './variant.js';

export const ackFirst: Variant = {
  name: 'ack-first',
  damage: 'lost',
  campaigns: ['kill', 'commit', 'server'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  consumer: brokenConsumer(async ({ dataSource, card, delivery }) => {
    const acked = await delivery.ack();
    await dataSource.transaction(async (manager) => {
      if (await insertOwnDedup(manager, card)) await issueCard(manager, card);
    });
    return acked;
  }),
};
