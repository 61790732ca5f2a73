import type { BrokerService } from '../../src/index.js';
import { AskedClaims } from '../../src/transport/http/asked-claims.js';
import type { Transport } from '../../src/transport/port.js';
import { bytesOf } from '../../src/wire/index.js';

/** What an instance of the service does with claims: one that comes again is given the same again. */
export function claimingRepeatably(near: Transport, broker: () => BrokerService): Transport {
  return Object.assign(Object.create(near) as Transport, {
    claim: (claim) => broker().repeatable.claim(claim),
    claimAlone: (claim) => broker().repeatable.claimAlone(claim),
  } satisfies Partial<Transport>);
}

/** What the service's client does: a claim whose answer did not come is asked for again, and then given up. */
export function askingAgain(port: Transport, broker: () => BrokerService): Transport {
  const asked = new AskedClaims({
    ask: async (_operation: string, request: unknown) => {
      const { subscription: id, claimId } = request as { subscription: number; claimId: string };
      const handedBack = await broker().repeatable.giveUp({
        subscription: { id },
        claimId: bytesOf(claimId),
      });
      return { handedBack } as never;
    },
  });
  return {
    ...port,
    claim: (claim) =>
      asked.ask(
        claim,
        () => port.claim(claim),
        ({ deliveries }) => deliveries.length === 0,
      ),
    claimAlone: (claim) =>
      asked.ask(
        claim,
        () => port.claimAlone(claim),
        (delivery) => delivery === undefined,
      ),
    poll: async (...question) => {
      const answer = await port.poll(...question);
      asked.brokerAnswers();
      return answer;
    },
  };
}
