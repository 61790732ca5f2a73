import type { ClaimedDelivery, Lease, SentMessage, Transport } from '../../../src/index.js';
import { report } from '../stage/reporter.js';

interface HandedOut {
  group: string;
  innerMsgId: string;
}

/** An engine reports nothing to the demo. This does, in the systems that speak to it, from its answers and what it hands out. */
export function told(engine: Transport): Transport {
  const held = new Map<string, HandedOut>();
  const tellOf = (delivery: ClaimedDelivery, group: string) => {
    const innerMsgId = hexOf(delivery.innerMsgId);
    held.set(nameOf(delivery), { group, innerMsgId });
    report({ type: 'handed-out', group, bizId: delivery.bizId.toString(), innerMsgId });
  };
  const wire: Partial<Transport> = {
    async send(shipment) {
      const answers = await engine.send(shipment);
      for (const [i, { kind }] of answers.entries()) {
        const about = aboutSent(shipment.messages[i]!);
        if (kind === 'landed') report({ type: 'landed', ...about });
        if (kind === 'duplicate') report({ type: 'resend-absorbed', ...about });
      }
      return answers;
    },

    async claim(claim) {
      const answer = await engine.claim(claim);
      for (const delivery of answer.deliveries) tellOf(delivery, claim.subscription.group);
      return answer;
    },

    async claimAlone(claim) {
      const delivery = await engine.claimAlone(claim);
      if (delivery) tellOf(delivery, claim.subscription.group);
      return delivery;
    },

    async acknowledge(lease) {
      const handedOut = held.get(nameOf(lease));
      held.delete(nameOf(lease));
      // Before it goes: who dies over it tells nothing any more, and a redelivery is heard of.
      if (handedOut) report({ type: 'ack-5-sent', ...handedOut });
      const taken = await engine.acknowledge(lease);
      if (handedOut && !taken) report({ type: 'ack-5-refused', ...handedOut });
      return taken;
    },
  };
  return Object.assign(Object.create(engine) as Transport, wire);
}

function aboutSent({ topic, bizId, innerMsgId }: SentMessage) {
  return { topic, bizId: bizId.toString(), innerMsgId: hexOf(innerMsgId) };
}

function nameOf({ subscriptionId, seq, token }: Lease): string {
  return `${subscriptionId} ${seq} ${token.toString('hex')}`;
}

function hexOf(id: Buffer): string {
  return id.toString('hex').toUpperCase();
}
