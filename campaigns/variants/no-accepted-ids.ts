import { changedSending } from './changed-sending.js';
import type { Variant } from './variant.js';

/** A broker that stores what comes, whether or not it has accepted it before. */
export const noAcceptedIds: Variant = {
  name: 'no-accepted-ids',
  damage: 'landedTwice',
  // Between the COMMIT of step 2 and its answer: a kill seldom hits that, a lost COMMIT always does.
  campaigns: ['commit', 'server', 'wire'],
  shapes: [2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  through: ({ broker }) => {
    const raw = broker();
    return changedSending(async (shipment) => {
      const ids = shipment.messages.map(({ innerMsgId }) => innerMsgId);
      const those = ids.map(() => '?').join(', ');
      await raw.query(`DELETE FROM mq_accepted WHERE inner_msg_id IN (${those})`, ids);
      return shipment;
    });
  },
};
