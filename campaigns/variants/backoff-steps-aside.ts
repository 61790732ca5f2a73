import type { Lease, Transport } from '../../src/transport/port.js';
import type { Raw } from '../databases/raw.js';
import type { Variant } from './variant.js';

/** A failed delivery waits elsewhere, and what follows it under its key is claimed meanwhile. */
export const backoffStepsAside: Variant = {
  name: 'backoff-steps-aside',
  damage: 'disordered',
  campaigns: ['order'],
  shapes: [2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  // On SQLite a second connection would wait for the first one of its own process, so there the table itself does it.
  spoil: async ({ broker, rawBroker }) => {
    if (broker.engine === 'sqlite') await rawBroker.query(ASIDE_ON_SQLITE);
  },
  through: ({ onSqlite, broker: reached }) => {
    if (onSqlite) return undefined;
    const raw = reached();
    return (broker) =>
      Object.assign(Object.create(broker) as typeof broker, {
        retryLater: async (...[held, ...how]: Parameters<Transport['retryLater']>) => {
          const wasHeld = await broker.retryLater(held, ...how);
          if (wasHeld) await stepAside(raw, held);
          return wasHeld;
        },
      });
  },
};

const ASIDE_ON_SQLITE = `
  CREATE TRIGGER aside AFTER UPDATE ON mq_delivery_keyed FOR EACH ROW WHEN NEW.failures > OLD.failures BEGIN
    INSERT INTO mq_waiting (subscription_id, due_at, seq, failures, lost_leases, errors)
      VALUES (NEW.subscription_id, NEW.available_at, NEW.seq, NEW.failures, NEW.lost_leases, NEW.errors);
    DELETE FROM mq_delivery_keyed
      WHERE subscription_id = NEW.subscription_id AND ordering_key = NEW.ordering_key AND seq = NEW.seq;
  END`;

/** To where deliveries without a key wait. */
async function stepAside(
  raw: Pick<Raw, 'query'>,
  { subscriptionId, orderingKey, seq }: Lease,
): Promise<void> {
  const where = 'subscription_id = ? AND ordering_key = ? AND seq = ? AND token IS NULL';
  const values = [subscriptionId, orderingKey, seq];
  await raw.query(
    `INSERT INTO mq_waiting (subscription_id, due_at, seq, failures, lost_leases, errors)
     SELECT subscription_id, available_at, seq, failures, lost_leases, errors FROM mq_delivery_keyed WHERE ${where}`,
    values,
  );
  await raw.query(`DELETE FROM mq_delivery_keyed WHERE ${where}`, values);
}
