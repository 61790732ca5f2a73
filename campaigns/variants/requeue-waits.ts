import type { Variant } from './variant.js';

const OF_IT =
  'subscription_id = OLD.subscription_id AND ordering_key = (SELECT ordering_key FROM mq_message WHERE seq = OLD.seq) AND seq = OLD.seq';
/** Microseconds. */
const WAIT = 3_000_000;
const NOW = {
  server: 'CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)',
  sqlite: `CAST(strftime('%s', 'now') AS INTEGER) * 1000000`,
};

/** A requeue that sets a dead letter aside for a moment instead of bringing it back to the front of its key's line. */
export const requeueWaits: Variant = {
  name: 'requeue-waits',
  damage: 'disordered',
  campaigns: ['order'],
  shapes: [1, 2],
  engines: ['sqlite', 'mariadb', 'mysql'],
  // In the transaction of the requeue, which takes the letter away when the delivery is back.
  spoil: async ({ broker, rawBroker }) => {
    const now = NOW[broker.engine === 'sqlite' ? 'sqlite' : 'server'];
    await rawBroker.query(
      `CREATE TRIGGER waits AFTER DELETE ON mq_dead_letter FOR EACH ROW BEGIN
         INSERT INTO mq_waiting (subscription_id, due_at, seq, errors)
           SELECT subscription_id, ${now} + ${WAIT}, seq, errors FROM mq_delivery_keyed WHERE ${OF_IT};
         DELETE FROM mq_delivery_keyed WHERE ${OF_IT}; END`,
    );
  },
};
