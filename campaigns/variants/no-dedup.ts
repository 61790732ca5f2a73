import { issueCard } from '../processes/issuing.js';
import { brokenConsumer } from './broken-consumer.js';
import type { Variant } from './variant.js';

export const noDedup: Variant = {
  name: 'no-dedup',
  damage: 'doubled',
  campaigns: ['kill', 'commit', 'instances', 'server', 'duplicates', 'wire', 'all'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  consumer: brokenConsumer(async ({ dataSource, card, delivery }) => {
    await dataSource.transaction((manager) => issueCard(manager, card));
    return delivery.ack();
  }),
};
