import type { Claim } from '../../src/transport/port.js';
import type { SimulatedVariant } from './variants.js';

/** A worker that takes what comes after the last number that it has seen, and nothing that comes back below it. */
export const idWatermark: SimulatedVariant = {
  name: 'id-watermark',
  damage: 'left',
  shapes: [2],
  through: () => (broker) => {
    const highest = new Map<number, number>();
    const above = (subscriptionId: number, after: number) =>
      Math.max(after, highest.get(subscriptionId) ?? 0);
    return Object.assign(Object.create(broker) as typeof broker, broker, {
      claim: async (claim: Claim) => {
        const { id } = claim.subscription;
        const answer = await broker.claim({ ...claim, after: above(id, claim.after) });
        for (const { seq } of answer.deliveries) highest.set(id, above(id, seq));
        return answer;
      },
    });
  },
};
