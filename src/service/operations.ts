import type { BrokerService } from '../broker/index.js';
import { encodeHeaders, encodeOrderingKey } from '../topic/index.js';
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
}

export type Operations = {
  [Name in OperationName]: (request: RequestOf<Name>, context: CallContext) => Promise<AnswerOf<Name>>;
};

/** What each operation of the protocol does with the broker: the port's methods, for whoever may call them. */
export function operationsOf(broker: BrokerService, watch: LandingWatch): Operations {
  const known = new KnownSubscriptions((id) => broker.subscriptionOf(id));
  const claims = new WaitingClaims(broker, watch);
  const own = (id: number, { caller }: CallContext) => known.ofCaller(id, caller);
  const held = async (lease: LeaseJson, context: CallContext) => {
    await own(lease.subscription, context);
    return leaseFromJson(lease);
  };
  const allHeld = async (leases: readonly LeaseJson[], context: CallContext) => {
    for (const id of new Set(leases.map(({ subscription }) => subscription))) await own(id, context);
    return leases.map(leaseFromJson);
  };
  /** What an ACK, a dead letter or a purge may have left behind is looked at, as the holder of a local broker asks for. */
  const thenDrop = (seq: number, taken: boolean) => {
    if (taken) broker.finished(seq);
    return { taken };
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

    async subscribe({ topic, group, version }, { caller }) {
      if (!caller.mayConsume(group)) throw missing(caller, `consume as ${group}`);
      const subscription = await broker.subscribe({ topic, group, version });
      return { subscription: subscription.id };
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
      const answer = await claims.claim({ subscription, ...asked }, { waitMs, signal: context.signal });
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

    async wait({ subscriptions, cursor, waitMs }, context) {
      const waited = await Promise.all(subscriptions.map((id) => own(id, context)));
      const topics = new Set(waited.map(({ topic }) => topic));
      const landed = await watch.wait(topics, { cursor, ms: waitMs, signal: context.signal });
      return {
        landed: waited.flatMap(({ id, topic }) =>
          landed.has(topic) ? [{ subscription: id, keyed: landed.get(topic)! }] : [],
        ),
        cursor: watch.cursor,
      };
    },

    async acknowledge({ leases }, context) {
      const taken = await broker.acknowledgeAll(await allHeld(leases, context));
      leases.forEach(({ seq }, i) => thenDrop(seq, taken[i]!));
      return { taken };
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
      const lost = new Set<unknown>();
      for (const id of new Set(asked.map(({ subscriptionId }) => subscriptionId))) {
        const those = asked.filter(({ subscriptionId }) => subscriptionId === id);
        for (const lease of await broker.extend({ id }, those, leaseMs)) lost.add(lease);
      }
      return { held: asked.map((lease) => !lost.has(lease)) };
    },

    async identify(_, { caller }) {
      needs(caller.consumes || caller.publishes, caller, 'publish or consume');
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

/** What the fields' own rules can't say. @throws InvalidBizIdError, InvalidOptionError, InvalidPayloadError, Problem */
function checkMessage({ bizId, orderingKey, body, headers }: SentMessageJson, i: number): void {
  encodeBizId(bizId, `messages.${i}.bizId must be`);
  if (orderingKey !== undefined) encodeOrderingKey(`messages.${i}.orderingKey`, orderingKey);
  if (headers) encodeHeaders(new Map(headers as [string, string][]));
  checkJsonText(`messages.${i}.body`, body);
}

function needs(may: boolean, caller: Caller, what: string): void {
  if (!may) throw missing(caller, what);
}

function missing(caller: Caller, what: string): Problem {
  return new Problem('SCOPE_MISSING', `The token ${caller.name} may not ${what}.`);
}
