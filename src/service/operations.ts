import type { BrokerService } from '../broker/index.js';
import { encodeEntries, encodeOrderingKey } from '../topic/index.js';
import {
  type AdminCall,
  type AnswerOf,
  type LeaseJson,
  type OperationName,
  Problem,
  type RequestOf,
  type SentMessageJson,
  attemptFromJson,
  bytesOf,
  checkJsonText,
  claimAnswerToJson,
  deliveryToJson,
  identityToJson,
  keySearchFromJson,
  leaseFromJson,
  messageFromJson,
  suspectFromJson,
  uuidOf,
} from '../wire/index.js';
import { encodeBizId } from '../topic/biz-id.js';
import { administer } from './administer.js';
import type { LandingWatch } from './landing-watch.js';
import { KnownSubscriptions } from './known-subscriptions.js';
import type { Caller } from './tokens.js';
import { WaitingClaims } from './waiting-claims.js';

/** What the bodies of one claim's answer have together, unless it is one alone: the service holds all of it. */
const CLAIM_BYTES = 8 * 1024 * 1024;

export interface CallContext {
  readonly caller: Caller;
  /** Aborted when the caller has gone, or the service stops: nobody waits any more. */
  readonly signal: AbortSignal;
  /** For what only waits: it does not count as a request that is worked on. */
  readonly waiting: <T>(wait: () => Promise<T>) => Promise<T>;
}

export type Operations = {
  [Name in OperationName]: (request: RequestOf<Name>, context: CallContext) => Promise<AnswerOf<Name>>;
};

/** What each operation of the protocol does with the broker: the port's methods, for whoever may call them. */
export function operationsOf(broker: BrokerService, watch: LandingWatch): Operations {
  const known = new KnownSubscriptions((ids) => broker.subscriptionsOf(ids));
  const claims = (context: CallContext) =>
    new WaitingClaims(broker, {
      get cursor() {
        return watch.cursor;
      },
      wait: (...asked) => context.waiting(() => watch.wait(...asked)),
    });
  const own = async (id: number, { caller }: CallContext) => {
    const [found] = await known.ofCaller([id], caller);
    if (found) return found;
    throw new Problem('SUBSCRIPTION_UNKNOWN', `There is no subscription ${id} (any more): subscribe again.`);
  };
  const held = async (lease: LeaseJson, context: CallContext) => {
    await own(lease.subscription, context);
    return leaseFromJson(lease);
  };
  /** Undefined in place of what a subscription that is not there (any more) can't hold. */
  const allHeld = async (leases: readonly LeaseJson[], { caller }: CallContext) => {
    const found = await known.ofCaller(
      leases.map(({ subscription }) => subscription),
      caller,
    );
    return leases.map((lease, i) => found[i] && leaseFromJson(lease));
  };

  return {
    async acceptance({ origin }, { caller }) {
      needs(caller.publishes, caller, 'publish');
      const { floor, windowMs, knownClaims, ...identity } = await broker.acceptance(bytesOf(origin));
      return { ...identityToJson(identity), floor: floor && uuidOf(floor), windowMs, knownClaims };
    },

    async send({ origin, claims, messages }, { caller }) {
      needs(caller.publishes, caller, 'publish');
      messages.forEach(checkMessage);
      const refusedTopics = new Set(
        messages.map(({ topic }) => topic).filter((topic) => !caller.mayPublish(topic)),
      );
      const sendable = messages.filter(({ topic }) => !refusedTopics.has(topic)).map(messageFromJson);
      const shipment = { origin: bytesOf(origin), claims, messages: sendable };
      const answers = sendable.length > 0 ? await broker.send(shipment) : [];
      let next = 0;
      return {
        answers: messages.map(({ topic }) =>
          refusedTopics.has(topic)
            ? {
                kind: 'refused',
                reason: `the token ${caller.name} may not publish to ${topic} (SCOPE_MISSING)`,
              }
            : answers[next++]!,
        ),
      };
    },

    async subscribe({ dedup, ...request }, { caller }) {
      const { topic, group } = request;
      needs(caller.mayConsume(group, topic), caller, `consume ${topic} as ${group}`);
      const { id, otherDedup: other } = await broker.subscribe({
        ...request,
        dedup: dedup === undefined ? undefined : bytesOf(dedup),
      });
      return {
        subscription: id,
        otherDedup: other && { dedup: uuidOf(other.dedup), seenAt: other.seenAt },
      };
    },

    async claim(request, context) {
      const subscription = await own(request.subscription, context);
      const { claimId, after = 0, limit, leaseMs, keys, waitMs = 0 } = request;
      const asked = {
        claimId: bytesOf(claimId),
        after,
        limit,
        maxBytes: CLAIM_BYTES,
        leaseMs,
        keys: keySearchFromJson(keys, claimId),
      };
      const answer = await claims(context).claim(
        { subscription, ...asked },
        { waitMs, signal: context.signal },
      );
      return claimAnswerToJson(answer);
    },

    async 'claim-alone'({ subscription: id, claimId, leaseMs, ...suspect }, context) {
      const subscription = await own(id, context);
      const asked = { subscription, claimId: bytesOf(claimId), leaseMs, ...suspectFromJson(suspect) };
      const delivery = await broker.repeatable.claimAlone(asked);
      return { delivery: delivery && deliveryToJson(delivery) };
    },

    async 'give-up-claim'({ subscription: id, claimId }, context) {
      const subscription = await own(id, context);
      return { handedBack: await broker.repeatable.giveUp({ subscription, claimId: bytesOf(claimId) }) };
    },

    async poll({ subscription: id, after }, context) {
      return broker.poll(await own(id, context), after);
    },

    async wait({ subscriptions, cursor, waitMs }, { caller, signal, waiting }) {
      const waited = (await known.ofCaller(subscriptions, caller)).filter((one) => one !== undefined);
      const topics = new Set(waited.map(({ topic }) => topic));
      const landed = await waiting(() => watch.wait(topics, { cursor, ms: waitMs, signal }));
      return {
        landed: waited.flatMap(({ id, topic }) =>
          landed.has(topic) ? [{ subscription: id, keyed: landed.get(topic)! }] : [],
        ),
        cursor: watch.cursor,
      };
    },

    async acknowledge({ leases }, context) {
      const held = await allHeld(leases, context);
      const those = held.filter((lease) => lease !== undefined);
      const answers = those.length > 0 ? await broker.acknowledgeAll(those) : [];
      const taken = new Set(those.filter((_, i) => answers[i]));
      // What an ACK may have left behind is looked at, as the holder of a local broker asks for.
      for (const { seq } of taken) broker.finished(seq);
      return { taken: held.map((lease) => lease !== undefined && taken.has(lease)) };
    },

    async 'retry-later'({ lease, delayMs, ...attempt }, context) {
      const taken = await broker.retryLater(await held(lease, context), attemptFromJson(attempt), delayMs);
      return { taken };
    },

    async 'dead-letter'({ lease, reason, ...attempt }, context) {
      return { taken: await broker.deadLetter(await held(lease, context), attemptFromJson(attempt), reason) };
    },

    async 'give-back'({ lease, delayMs }, context) {
      return { taken: await broker.giveBack(await held(lease, context), delayMs) };
    },

    async extend({ leases, leaseMs }, context) {
      const asked = await allHeld(leases, context);
      const lost = new Set<unknown>([undefined]);
      for (const [id, those] of bySubscription(asked.filter((lease) => lease !== undefined))) {
        for (const lease of await broker.extend({ id }, those, leaseMs)) lost.add(lease);
      }
      return { held: asked.map((lease) => !lost.has(lease)) };
    },

    async identify() {
      return identityToJson(await broker.identify());
    },

    async unfinished({ subscription: id, slackMs, limit }, context) {
      const subscription = await own(id, context);
      const { oldest, waiting, next, ...identity } = await broker.unfinished(subscription, {
        slackMs,
        limit,
      });
      return {
        ...identityToJson(identity),
        oldest,
        waiting: waiting.map(({ bizId, landedAt }) => ({ bizId: bizId.toString('utf8'), landedAt })),
        next,
      };
    },

    async administer({ call, arguments: args = [] }, { caller }) {
      needs(caller.administers, caller, 'administer');
      return { result: await administer(broker, call satisfies AdminCall, args) };
    },
  };
}

function bySubscription<T extends { subscriptionId: number }>(leases: readonly T[]): Map<number, T[]> {
  const those = new Map<number, T[]>();
  for (const lease of leases) {
    const { subscriptionId: id } = lease;
    if (!those.get(id)?.push(lease)) those.set(id, [lease]);
  }
  return those;
}

/** What the fields' own rules can't say. @throws InvalidBizIdError, InvalidOptionError, InvalidPayloadError, Problem */
function checkMessage({ bizId, orderingKey, body, headers }: SentMessageJson, i: number): void {
  encodeBizId(bizId, `messages.${i}.bizId must be`);
  if (orderingKey !== undefined) encodeOrderingKey(`messages.${i}.orderingKey`, orderingKey);
  if (headers) {
    const pairs = headers as [string, string][];
    // They are stored as they come, and a Map would have the last of them alone.
    if (new Map(pairs).size < pairs.length) {
      throw new Problem('REQUEST_INVALID', `messages.${i}.headers has a name twice.`);
    }
    encodeEntries(pairs);
  }
  checkJsonText(`messages.${i}.body`, body);
}

function needs(may: boolean, caller: Caller, what: string): void {
  if (!may) throw missing(caller, what);
}

function missing(caller: Caller, what: string): Problem {
  return new Problem('SCOPE_MISSING', `The token ${caller.name} may not ${what}.`);
}
