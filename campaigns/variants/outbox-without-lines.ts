import type { Variant } from './variant.js';

/** A relay that sends a message whether or not an earlier one of its key is still in the outbox. */
export const outboxWithoutLines: Variant = {
  name: 'outbox-without-lines',
  damage: 'disordered',
  campaigns: ['order'],
  shapes: [2],
  engines: ['sqlite', 'mariadb', 'mysql'],
  // The hash is what a relay knows a key by; the broker hears the key itself.
  spoil: async ({ business, rawBusiness }) => {
    await rawBusiness.query(
      business.engine === 'sqlite'
        ? `CREATE TRIGGER own_hash AFTER INSERT ON mq_outbox_keyed FOR EACH ROW BEGIN
             UPDATE mq_outbox_keyed SET key_hash = randomblob(16) WHERE seq = NEW.seq; END`
        : `CREATE TRIGGER own_hash BEFORE INSERT ON mq_outbox_keyed FOR EACH ROW
             SET NEW.key_hash = UNHEX(REPLACE(UUID(), '-', ''))`,
    );
  },
};
