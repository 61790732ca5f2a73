import type { BrokerService } from '../broker/index.js';
import { OWN_BROKER } from './capabilities.js';
import type { Transport } from './port.js';

/** The broker in this very process. A plain object, so that what stands between can take its methods over one by one. */
export function localTransport(broker: BrokerService): Transport {
  return {
    capabilities: { ...OWN_BROKER, oneCommit: broker.colocated !== undefined },
    colocated: broker.colocated,
    send: (shipment) => broker.send(shipment),
    acceptance: (origin) => broker.acceptance(origin),
    subscribe: ({ concurrency: _, ...request }) => broker.subscribe(request),
    claim: (request) => broker.claim(request),
    claimAlone: (request) => broker.claimAlone(request),
    poll: (subscription, after) => broker.poll(subscription, after),
    acknowledge: (held) => broker.acknowledge(held),
    retryLater: (held, attempt, delayMs) => broker.retryLater(held, attempt, delayMs),
    deadLetter: (held, attempt, reason) => broker.deadLetter(held, attempt, reason),
    giveBack: (held, delayMs) => broker.giveBack(held, delayMs),
    extend: (subscription, held, leaseMs) => broker.extend(subscription, held, leaseMs),
    identify: () => broker.identify(),
    unfinished: (subscription, question) => broker.unfinished(subscription, question),
    finished: (seq) => broker.finished(seq),
    onLanded: (topic, listener) => broker.onLanded(topic, listener),
  };
}
