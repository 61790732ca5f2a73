import { nowOn } from '../databases/now.js';
import { createTrigger } from '../databases/trigger.js';
import type { Variant } from './variant.js';

const OF_IT =
  'subscription_id = OLD.subscription_id AND ordering_key = (SELECT ordering_key FROM mq_message WHERE seq = OLD.seq) AND seq = OLD.seq';
/** Microseconds. */
const WAIT = 3_000_000;

/** A requeue that sets a dead letter aside for a moment instead of bringing it back to the front of its key's line. */
export const requeueWaits: Variant = {
  name: 'requeue-waits',
  damage: 'disordered',
  campaigns: ['order'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  // In the transaction of the requeue, which takes the letter away when the delivery is back.
  spoil: async ({ broker, rawBroker }) => {
    await createTrigger(rawBroker, broker.engine, {
      ...{ name: 'waits', when: 'AFTER DELETE', table: 'mq_dead_letter' },
      does: `INSERT INTO mq_waiting (subscription_id, due_at, seq, errors)
               SELECT subscription_id, ${nowOn(broker.engine)} + ${WAIT}, seq, errors FROM mq_delivery_keyed WHERE ${OF_IT};
             DELETE FROM mq_delivery_keyed WHERE ${OF_IT}`,
    });
  },
};
