import { changedSending } from './changed-sending.js';
import type { Variant } from './variant.js';

/** A relay that deletes from the outbox what it is about to send. */
export const deleteBeforeAck: Variant = {
  name: 'delete-before-ack',
  damage: 'lost',
  // Between the COMMIT of step 2 and its answer: a kill seldom hits that, a lost COMMIT always does.
  campaigns: ['commit', 'server'],
  shapes: [2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  through: ({ business }) => {
    const raw = business();
    return changedSending(async (shipment) => {
      const ids = shipment.messages.map(({ innerMsgId }) => innerMsgId);
      const those = ids.map(() => '?').join(', ');
      for (const table of ['mq_outbox', 'mq_outbox_keyed']) {
        await raw.query(`DELETE FROM ${table} WHERE inner_msg_id IN (${those})`, ids);
      }
      return shipment;
    });
  },
};
