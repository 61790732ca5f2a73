import type { Pair } from '../databases/pair.js';

/**
 * Takes a delivery out of its key's line, into one of its own.
 *
 * @param at INSERT or UPDATE, of the table of deliveries with a key
 * @param condition on NEW and OLD
 */
export async function ownLine(
  { broker, rawBroker }: Pair,
  at: 'INSERT' | 'UPDATE',
  condition: string,
): Promise<void> {
  await rawBroker.query(
    broker.engine === 'sqlite'
      ? `CREATE TRIGGER own_line AFTER ${at} ON mq_delivery_keyed FOR EACH ROW WHEN ${condition} BEGIN
           UPDATE mq_delivery_keyed SET ordering_key = randomblob(16)
           WHERE subscription_id = NEW.subscription_id AND ordering_key = NEW.ordering_key AND seq = NEW.seq; END`
      : `CREATE TRIGGER own_line BEFORE ${at} ON mq_delivery_keyed FOR EACH ROW
           SET NEW.ordering_key = IF(${condition}, UUID(), NEW.ordering_key)`,
  );
}
