import type { Engine } from '../databases/create.js';
import { type Trigger, createTrigger } from '../databases/trigger.js';
import type { Variant } from './variant.js';

const UUID = "SET NEW.key_hash = UNHEX(REPLACE(UUID(), '-', ''))";
/** Each message has one of its own. */
const HASHES: Record<Engine, Pick<Trigger, 'does'> & Partial<Trigger>> = {
  sqlite: {
    when: 'AFTER INSERT',
    does: 'UPDATE mq_outbox_keyed SET key_hash = randomblob(16) WHERE seq = NEW.seq',
  },
  mariadb: { does: UUID },
  mysql: { does: UUID },
  postgres: { does: 'NEW.key_hash := uuid_send(gen_random_uuid())' },
};

/** A relay that sends a message whether or not an earlier one of its key is still in the outbox. */
export const outboxWithoutLines: Variant = {
  name: 'outbox-without-lines',
  damage: 'disordered',
  campaigns: ['order'],
  shapes: [2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  // The hash is what a relay knows a key by; the broker hears the key itself.
  spoil: async ({ business, rawBusiness }) => {
    await createTrigger(rawBusiness, business.engine, {
      ...{ name: 'own_hash', table: 'mq_outbox_keyed', when: 'BEFORE INSERT' },
      ...HASHES[business.engine],
    });
  },
};
