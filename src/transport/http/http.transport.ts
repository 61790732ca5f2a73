import { BrokerRefusedError, BrokerUnreachableError } from '../../errors/index.js';
import {
  MAX_LEASES,
  attemptToJson,
  bytesOf,
  claimAnswerFromJson,
  deliveryFromJson,
  identityFromJson,
  keySearchToJson,
  leaseToJson,
  messageToJson,
  suspectToJson,
  uuidOf,
} from '../../wire/index.js';
import { OWN_BROKER } from '../capabilities.js';
import type { Lease, SendAnswer, Shipment, Subscription, Transport } from '../port.js';
import { AskedClaims } from './asked-claims.js';
import { Batches } from './batches.js';
import type { HttpRequests } from './http-requests.js';
import { RemoteBell } from './remote-bell.js';

/** ACKs are small: two on their way, so that one that hangs does not hold up the others. */
const ACK_REQUESTS = 2;
const ACKS_A_REQUEST = 500;
/** Two renewals of a lease may fail: an answer that takes longer than this is no use. */
const RENEWALS_A_LEASE = 3;

export interface HttpTransport extends Transport {
  close(): Promise<void>;
}

/** A broker that is a service, over HTTP (docs/protocol.md). A plain object, as the local one is. */
export function httpTransport(
  requests: HttpRequests,
  { timeoutMs, ackTimeoutMs = timeoutMs }: { timeoutMs: number; ackTimeoutMs?: number | undefined },
): HttpTransport {
  const claims = new AskedClaims(requests);
  requests.onAnswer = () => claims.brokerAnswers();
  const bell = new RemoteBell(requests);
  const acks = new Batches(
    async (leases: readonly Lease[]) => {
      const request = { leases: leases.map(leaseToJson) };
      const { answer, twice } = await requests.askOnceOrTwice('acknowledge', request);
      checkLength(answer.taken, leases, requests.name);
      // After a connection that broke, a no most likely says that it had got through all the same.
      return answer.taken.map((taken) => taken || twice);
    },
    ACKS_A_REQUEST,
    ACK_REQUESTS,
    isOfOneLease,
  );

  return {
    capabilities: OWN_BROKER,

    send: (shipment) => send(requests, shipment, ackTimeoutMs),

    async acceptance(origin) {
      const { floor, windowMs, knownClaims, ...identity } = await requests.ask('acceptance', {
        origin: uuidOf(origin),
      });
      const floorId = floor === undefined ? undefined : bytesOf(floor);
      return { ...identityFromJson(identity), floor: floorId, windowMs, knownClaims };
    },

    async subscribe({ dedup, concurrency: _, ...request }) {
      // Publishers hold it up, and it tries again for as long as two minutes.
      const within = SUBSCRIBING_MS;
      const asked = { ...request, dedup: dedup && uuidOf(dedup) };
      const { subscription: id, otherDedup: other } = await requests.ask('subscribe', asked, { within });
      const { topic, group } = request;
      const subscription: Subscription = { id, topic, group };
      bell.know(subscription);
      const otherDedup = other && { dedup: bytesOf(other.dedup), seenAt: other.seenAt };
      return { ...subscription, otherDedup };
    },

    async claim(claim) {
      const { subscription, claimId, after, limit, leaseMs, keys } = claim;
      const request = {
        subscription: subscription.id,
        claimId: uuidOf(claimId),
        after,
        limit,
        leaseMs,
        keys: keySearchToJson(keys),
      };
      const answer = await claims.ask(
        claim,
        () => requests.ask('claim', request),
        ({ deliveries }) => deliveries.length === 0,
      );
      for (const delivery of answer.deliveries) checkIsOf(request, delivery, requests.name);
      return claimAnswerFromJson(answer);
    },

    async claimAlone(claim) {
      const { subscription, claimId, leaseMs, ...suspect } = claim;
      const request = {
        subscription: subscription.id,
        claimId: uuidOf(claimId),
        leaseMs,
        ...suspectToJson(suspect),
      };
      const { delivery } = await claims.ask(
        claim,
        () => requests.ask('claim-alone', request),
        (answer) => !answer.delivery,
      );
      if (delivery) checkIsOf(request, delivery, requests.name);
      return delivery && deliveryFromJson(delivery);
    },

    async poll({ id }, after) {
      const { broughtBack, ...answer } = await requests.ask('poll', { subscription: id, after });
      return { ...answer, broughtBack };
    },

    acknowledge: (held) => acks.add(held),

    async retryLater(held, attempt, delayMs) {
      const request = { lease: leaseToJson(held), ...attemptToJson(attempt), delayMs };
      return (await requests.ask('retry-later', request)).taken;
    },

    async deadLetter(held, attempt, reason) {
      const request = { lease: leaseToJson(held), ...attemptToJson(attempt), reason };
      return (await requests.ask('dead-letter', request)).taken;
    },

    async giveBack(held, delayMs) {
      return (await requests.ask('give-back', { lease: leaseToJson(held), delayMs })).taken;
    },

    async extend(_, held, leaseMs) {
      const within = Math.min(timeoutMs, leaseMs / RENEWALS_A_LEASE);
      const lost: Lease[] = [];
      for (let from = 0; from < held.length; from += MAX_LEASES) {
        const those = held.slice(from, from + MAX_LEASES);
        const answer = await requests.ask('extend', { leases: those.map(leaseToJson), leaseMs }, { within });
        checkLength(answer.held, those, requests.name);
        lost.push(...those.filter((_lease, i) => answer.held[i] === false));
      }
      return lost;
    },

    identify: async () => identityFromJson(await requests.ask('identify', {})),

    async unfinished({ id }, question) {
      const answer = await requests.ask('unfinished', { subscription: id, ...question });
      return {
        ...identityFromJson(answer),
        oldest: answer.oldest,
        waiting: answer.waiting.map(({ bizId, landedAt }) => ({
          bizId: Buffer.from(bizId, 'utf8'),
          landedAt,
        })),
        next: answer.next,
      };
    },

    // The service does it with the ACK.
    finished: () => undefined,
    onLanded: (topic, listener) => bell.listen(topic, listener),

    async close() {
      await bell.close();
      await claims.close();
      requests.close();
    },
  };
}

const SUBSCRIBING_MS = 150_000;

/** Not a fault of the service: to ask it 500 times then, instead of once, would mend nothing. */
function isOfOneLease(error: unknown): boolean {
  if (!(error instanceof BrokerRefusedError)) return false;
  return error.problem === 'SCOPE_MISSING' || error.problem === 'SUBSCRIPTION_UNKNOWN';
}

/**
 * A proxy that mixes up the answers of connections that it keeps is a known fault: another's answer is none.
 *
 * @throws BrokerUnreachableError: nobody knows what became of the request
 */
function checkIsOf(
  { subscription, claimId }: { subscription: number; claimId: string },
  delivery: { subscription: number; token: string },
  broker: string,
): void {
  if (delivery.subscription === subscription && delivery.token === claimId) return;
  throw notTheAnswer(
    broker,
    `a delivery of subscription ${delivery.subscription} to a claim of ${subscription}`,
  );
}

function checkLength(answers: readonly boolean[], asked: readonly unknown[], broker: string): void {
  if (answers.length !== asked.length)
    throw notTheAnswer(broker, `${answers.length} answers to ${asked.length} leases`);
}

function notTheAnswer(broker: string, came: string): BrokerUnreachableError {
  return new BrokerUnreachableError(broker, { cause: new Error(`it gave ${came}`) }, 'The broker');
}

async function send(
  requests: HttpRequests,
  { origin, claims, messages }: Shipment,
  within: number,
): Promise<SendAnswer[]> {
  const request = { origin: uuidOf(origin), claims, messages: messages.map(messageToJson) };
  try {
    return (await requests.ask('send', request, { within })).answers as SendAnswer[];
  } catch (error) {
    // By itself it will not become shorter; with others, the relay sends them one by one.
    const isTooLong = error instanceof BrokerRefusedError && error.problem === 'BODY_TOO_LARGE';
    if (isTooLong && messages.length === 1) return [{ kind: 'refused', reason: error.message }];
    throw error;
  }
}
