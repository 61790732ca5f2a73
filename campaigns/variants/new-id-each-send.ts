import { randomBytes } from 'node:crypto';
import { changedSending } from './changed-sending.js';
import type { Variant } from './variant.js';

/** A relay that makes a new inner-msg-id each time that it sends. */
export const newIdEachSend: Variant = {
  name: 'new-id-each-send',
  damage: 'landedTwice',
  // Between the COMMIT of step 2 and its answer: a kill seldom hits that, a lost COMMIT always does.
  campaigns: ['commit', 'server', 'wire'],
  shapes: [2],
  engines: ['sqlite', 'mariadb', 'mysql', 'postgres'],
  through: () =>
    changedSending((shipment) => ({
      ...shipment,
      messages: shipment.messages.map((message) => ({
        ...message,
        innerMsgId: sameTime(message.innerMsgId),
      })),
    })),
};

/** The time in front stays, or the broker would take it for one that it has forgotten. */
function sameTime(innerMsgId: Buffer): Buffer {
  return Buffer.concat([innerMsgId.subarray(0, 9), randomBytes(7)]);
}
