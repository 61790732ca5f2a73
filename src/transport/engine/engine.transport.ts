import { BrokerUnreachableError, describeError } from '../../errors/index.js';
import type { Attempt, ClaimAnswer, ClaimedDelivery, Lease, Subscription, Transport } from '../port.js';
import type { SetAside } from './aside.js';
import { deliveryNumber } from './delivery-number.js';
import { Intake, asideMessage } from './intake.js';
import type { MessageEngine } from './port.js';

export interface EngineTransport extends Transport {
  close(): Promise<void>;
}

export interface EngineTransportDeps {
  engine: MessageEngine;
  /** The tables of the consumer's own database, which hold what was set aside. */
  local: Transport;
  setAside: SetAside;
  /** Whether the group of that number is there, and was not removed. */
  isSubscribed: (id: number) => Promise<boolean>;
  /** How long what was set aside is known, so that it is not set aside twice. */
  windowMs: number;
  warn: (line: string) => void;
}

/**
 * An engine as a transport. A delivery goes straight from the engine to its handler, and its ACK back. Whatever an engine
 * can't do with one (wait, be counted, be kept for an operator, keep the order of its key), the tables of the consumer's
 * database do, where it is set aside before the engine is told that it is done with.
 */
export function engineTransport({
  engine,
  local,
  setAside,
  isSubscribed,
  windowMs,
  warn,
}: EngineTransportDeps): EngineTransport {
  const intakes = new Map<number, Intake>();
  /** Leases of the tables, by those that the worker has: it knows a message by the same number wherever it waits. */
  const leased = new Map<string, Lease>();
  /** Subscriptions of which the tables may have something to claim. */
  const worthAsking = new Set<number>();
  const listeners = new Map<string, Set<(keyed: boolean) => void>>();

  const ring = (topic: string, keyed: boolean) =>
    listeners.get(topic)?.forEach((listener) => listener(keyed));

  const intakeOf = ({ id, topic, group }: Pick<Subscription, 'id' | 'topic' | 'group'>): Intake => {
    const intake = intakes.get(id);
    if (intake) return intake;
    throw new BrokerUnreachableError(
      engine.name,
      { cause: new Error(`this process has not subscribed ${group} to ${topic}`) },
      'The broker',
    );
  };

  /** @throws where this process can't know */
  const oldestSeen = ({ id, topic, group }: Subscription): number | undefined => {
    const intake = intakes.get(id);
    if (intake?.knowsOldest) return intake.oldest;
    throw new Error(
      `what waits in ${engine.name} is known to a process that consumes ${group} of ${topic}, from a few seconds after its start on`,
    );
  };

  const outward = (delivery: ClaimedDelivery): ClaimedDelivery => {
    const seen = { ...delivery, seq: deliveryNumber(delivery.innerMsgId) };
    const { subscriptionId, seq, token, orderingKey } = delivery;
    leased.set(keyOf(seen), { subscriptionId, seq, token, orderingKey });
    return seen;
  };

  /** What becomes of a delivery that came straight from the engine, or of one that waits in the tables. */
  const settle = async (
    held: Lease,
    {
      straight,
      fromTables,
    }: {
      straight: (intake: Intake) => Promise<boolean>;
      fromTables: (lease: Lease) => Promise<boolean>;
    },
  ): Promise<boolean> => {
    const lease = leased.get(keyOf(held));
    if (lease) {
      const taken = await fromTables(lease);
      leased.delete(keyOf(held));
      return taken;
    }
    const intake = intakes.get(held.subscriptionId);
    return intake ? straight(intake) : false;
  };

  const moveAside = async (
    intake: Intake,
    held: Lease,
    attempt: Attempt,
    to: { delayMs: number } | { reason: string },
  ): Promise<boolean> => {
    const delivery = intake.find(held);
    if (!delivery) return false;
    const { subscription } = intake;
    await setAside({ subscription, message: asideMessage(delivery), attempt }, to);
    delivery.acknowledge();
    intake.release(held);
    return true;
  };

  return {
    capabilities: engine.capabilities,

    send: ({ messages }) =>
      engine.publish(
        messages.map(({ topic, innerMsgId, bizId, body, headers, orderingKey, expiresAt }) => ({
          ...{ topic, innerMsgId, bizId, body, headers, expiresAt },
          orderingKey: orderingKey ?? undefined,
        })),
      ),

    async acceptance() {
      await engine.expectPublish();
      const broker = await engine.identify();
      const { now } = await local.identify();
      // By it a relay gives a message that was never sent, and has waited for long, a fresh id.
      const known = Math.min(windowMs, engine.resendsKnownMs ?? windowMs);
      return { now, broker, windowMs: known, floor: undefined, knownClaims: 0 };
    },

    async subscribe({ concurrency = 1, ...request }) {
      const { topic, group } = request;
      const subscribed = await local.subscribe(request);
      await engine.subscribe({ topic, group });
      const { id } = subscribed;
      if (!intakes.has(id)) {
        const deps = { engine, setAside, warn, ring: (keyed: boolean) => ring(topic, keyed) };
        intakes.set(id, new Intake({ id, topic, group }, concurrency, deps));
      }
      worthAsking.add(id);
      return subscribed;
    },

    async claim(claim): Promise<ClaimAnswer> {
      const { subscription, claimId, leaseMs, limit, after, keys } = claim;
      const intake = intakeOf(subscription);
      await intake.begin();
      let own: ClaimAnswer = { deliveries: [], lastSeen: undefined, suspects: [], heldBack: false };
      if (keys || worthAsking.has(subscription.id)) {
        // Before it is asked: what comes meanwhile is worth another question.
        worthAsking.delete(subscription.id);
        own = await local.claim(claim);
        if (own.deliveries.length + own.suspects.length > 0) worthAsking.add(subscription.id);
      }
      const straight = intake.claim(limit - own.deliveries.length, { claimId, leaseMs });
      return {
        ...own,
        deliveries: [...own.deliveries.map(outward), ...straight],
        lastSeen: own.lastSeen ?? (straight.length > 0 ? after : undefined),
      };
    },

    async claimAlone(claim) {
      const claimed = await local.claimAlone(claim);
      return claimed && outward(claimed);
    },

    async poll(subscription, after) {
      const intake = intakeOf(subscription);
      await intake.begin();
      const answer = await local.poll(subscription, after);
      if (answer.claimable || answer.keyed) worthAsking.add(subscription.id);
      return { ...answer, claimable: answer.claimable || intake.hasSome };
    },

    acknowledge: (held) =>
      settle(held, {
        async straight(intake) {
          const taken = intake.find(held)?.acknowledge() ?? false;
          intake.release(held);
          return taken;
        },
        async fromTables(lease) {
          const taken = await local.acknowledge(lease);
          local.finished(lease.seq);
          return taken;
        },
      }),

    retryLater: (held, attempt, delayMs) =>
      settle(held, {
        straight: (intake) => moveAside(intake, held, attempt, { delayMs }),
        fromTables: (lease) => local.retryLater(lease, attempt, delayMs),
      }),

    deadLetter: (held, attempt, reason) =>
      settle(held, {
        straight: (intake) => moveAside(intake, held, attempt, { reason }),
        fromTables: (lease) => local.deadLetter(lease, attempt, reason),
      }),

    giveBack: (held, delayMs) =>
      settle(held, {
        async straight(intake) {
          if (delayMs > 0) return moveAside(intake, held, FRESH, { delayMs });
          const given = intake.find(held)?.requeue() ?? false;
          intake.release(held);
          return given;
        },
        fromTables: (lease) => local.giveBack(lease, delayMs),
      }),

    async extend(subscription, held, leaseMs) {
      const own = held.filter((lease) => leased.has(keyOf(lease)));
      const intake = intakes.get(subscription.id);
      const lost = held.filter((lease) => !leased.has(keyOf(lease)) && !intake?.renew(lease, leaseMs));
      if (own.length === 0) return lost;
      const known = new Map(own.map((lease) => [leased.get(keyOf(lease))!, lease]));
      const gone = await local.extend(subscription, [...known.keys()], leaseMs);
      const goneToo = gone.flatMap((lease) => known.get(lease) ?? []);
      for (const lease of goneToo) leased.delete(keyOf(lease));
      return [...lost, ...goneToo];
    },

    async identify() {
      const broker = await engine.identify();
      return { broker, now: (await local.identify()).now };
    },

    async unfinished(subscription, question) {
      const broker = await engine.identify();
      // Of a group that was removed the engine has nothing any more, and can't be asked about it.
      if (!(await isSubscribed(subscription.id))) {
        return { ...(await local.unfinished(subscription, question)), broker };
      }
      // The engine first: what moves from it to the tables meanwhile is seen there.
      const atEngine = engine.oldest ? await engine.oldest(subscription) : undefined;
      const own = await local.unfinished(subscription, question);
      const oldest = engine.oldest ? atEngine : oldestSeen(subscription);
      const known = [own.oldest, oldest].filter((at) => at !== undefined);
      return { ...own, broker, oldest: known.length > 0 ? Math.min(...known) : undefined };
    },

    // What is done with in the tables is said with its ACK.
    finished: () => undefined,

    onLanded(topic, listener) {
      const those = listeners.get(topic) ?? new Set();
      listeners.set(topic, those.add(listener));
      const stop = local.onLanded(topic, (keyed) => {
        for (const { subscription } of intakes.values())
          if (subscription.topic === topic) worthAsking.add(subscription.id);
        listener(keyed);
      });
      return () => {
        those.delete(listener);
        stop();
      };
    },

    async close() {
      const closing = [...intakes.values()].map((intake) => intake.close());
      await Promise.allSettled(closing);
      await engine
        .close()
        .catch((error: unknown) => warn(`${engine.name} was not closed properly: ${describeError(error)}`));
    },
  };
}

/** A delivery that came straight from the engine has failed at nothing yet. */
const FRESH: Attempt = { failures: 0, lostLeases: 0, errors: null };

function keyOf({ subscriptionId, seq, token }: Lease): string {
  return `${subscriptionId} ${seq} ${token.toString('hex')}`;
}
