import { issueCard } from '../processes/issuing.js';
import { brokenConsumer, insertOwnDedup } from './broken-consumer.js';
import type { Variant } from './variant.js';

export const dedupApart: Variant = {
  name: 'dedup-in-its-own-transaction',
  damage: 'lost',
  campaigns: ['kill', 'commit', 'server'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  consumer: brokenConsumer(async ({ dataSource, card, delivery }) => {
    const isNew = await insertOwnDedup(dataSource, card);
    if (isNew) await dataSource.transaction((manager) => issueCard(manager, card));
    return delivery.ack();
  }),
};
