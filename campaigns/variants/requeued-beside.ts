import type { Variant } from './variant.js';

const OF_IT =
  'subscription_id = OLD.subscription_id AND ordering_key = (SELECT ordering_key FROM mq_message WHERE seq = OLD.seq) AND seq = OLD.seq';

/** A requeue that brings a dead letter back beside its key's line instead of to the front of it. */
export const requeuedBeside: Variant = {
  name: 'requeued-beside',
  damage: 'disordered',
  campaigns: ['order'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql'],
  // In the transaction of the requeue, which takes the letter away when the delivery is back.
  spoil: async ({ rawBroker }) => {
    await rawBroker.query(
      `CREATE TRIGGER beside AFTER DELETE ON mq_dead_letter FOR EACH ROW BEGIN
         INSERT INTO mq_delivery (subscription_id, seq, errors)
           SELECT subscription_id, seq, errors FROM mq_delivery_keyed WHERE ${OF_IT};
         DELETE FROM mq_delivery_keyed WHERE ${OF_IT}; END`,
    );
  },
};
