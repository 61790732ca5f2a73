import { randomBytes } from 'node:crypto';
import type { ClaimedDelivery, SentMessage, Subscription, Transport } from '../../src/index.js';
import { type ContractWorld, transportContract } from '../../src/testing/index.js';
import { OWN_BROKER } from '../../src/transport/capabilities.js';
import { InnerMsgIds } from '../../src/publisher/inner-msg-id.js';
import { localWorld } from './worlds.js';

// Property: the contract finds out a transport that breaks it, whichever promise that is.

type Breaking = (transport: Transport) => Partial<Transport>;

const FIRST_KEY = Buffer.alloc(0);
const keys = { after: FIRST_KEY, until: FIRST_KEY, first: true };

/** Holds for all processes of a world, and is gone with each of them. */
const VARIANTS: Record<string, { breaks: Breaking; caughtBy: string }> = {
  'drops every second message': {
    breaks: (broker) => ({
      async send(shipment) {
        await broker.send({ ...shipment, messages: shipment.messages.filter((_, i) => i % 2 === 0) });
        return shipment.messages.map(() => ({ kind: 'landed' }));
      },
    }),
    caughtBy: 'each group is given every message that was sent',
  },
  'forgets with its process what it said had landed': {
    breaks: (broker) => {
      const kept: Parameters<Transport['send']>[0][] = [];
      return {
        async send(shipment) {
          kept.push(shipment);
          return shipment.messages.map(() => ({ kind: 'landed' }));
        },
        async poll(subscription, after) {
          for (const shipment of kept.splice(0)) await broker.send(shipment);
          return broker.poll(subscription, after);
        },
      };
    },
    caughtBy: 'what its sender was told has landed is there after a restart',
  },
  'ACKs what it hands out': {
    breaks: (broker) => ({
      async claim(claim) {
        const answer = await broker.claim(claim);
        for (const delivery of answer.deliveries) await broker.acknowledge(delivery);
        return answer;
      },
    }),
    caughtBy: 'what is not acknowledged comes again when its holder is gone',
  },
  'mixes groups: an ACK is one for all': {
    breaks: (broker) => {
      const subscriptions: Subscription[] = [];
      return {
        async subscribe(request) {
          const subscribed = await broker.subscribe(request);
          subscriptions.push(subscribed);
          return subscribed;
        },
        async acknowledge(held) {
          for (const subscription of subscriptions) {
            if (subscription.id === held.subscriptionId) continue;
            const claimId = randomBytes(16);
            const claim = { subscription, claimId, after: held.seq - 1, limit: 1, leaseMs: 1_000 };
            for (const other of (await broker.claim(claim)).deliveries) await broker.acknowledge(other);
          }
          return broker.acknowledge(held);
        },
      };
    },
    caughtBy: 'an ACK of one group takes nothing from another',
  },
  'loses headers': {
    breaks: (broker) => ({
      send: (shipment) =>
        broker.send({
          ...shipment,
          messages: shipment.messages.map((message) => ({ ...message, headers: null })),
        }),
    }),
    caughtBy: 'a message arrives with the bytes with which it was sent',
  },
  'reorders a key': {
    breaks: (broker) => ({
      async send(shipment) {
        return (await broker.send({ ...shipment, messages: [...shipment.messages].reverse() })).reverse();
      },
    }),
    caughtBy: 'messages of one key come one at a time, in their order',
  },
  'hands out a key all at once': {
    breaks: (broker) => ({
      send: (shipment) =>
        broker.send({
          ...shipment,
          messages: shipment.messages.map(({ orderingKey: _, ...message }): SentMessage => message),
        }),
    }),
    caughtBy: 'messages of one key come one at a time, in their order',
  },
  'lets a key go on without a head that failed': {
    breaks: (broker) => ({ retryLater: (held, attempt) => broker.deadLetter(held, attempt, 'failed') }),
    caughtBy: 'a message that is to be retried holds up its key, and no other',
  },
  'repeats a claim': {
    breaks: (broker) => {
      const held: ClaimedDelivery[] = [];
      return {
        async claim(claim) {
          const answer = await broker.claim({ ...claim, keys });
          const deliveries = [...answer.deliveries, ...held];
          held.push(...answer.deliveries);
          return { ...answer, deliveries };
        },
      };
    },
    caughtBy: 'what one claim was given, no other is while it is held',
  },
  'knows in each process only what that one was given': {
    breaks: (broker) => {
      const given = new Set<number>();
      return {
        async claim(claim) {
          const answer = await broker.claim(claim);
          for (const delivery of answer.deliveries) await broker.giveBack(delivery, 0);
          const deliveries = answer.deliveries.filter(({ seq }) => !given.has(seq));
          for (const { seq } of deliveries) given.add(seq);
          return { ...answer, deliveries };
        },
      };
    },
    caughtBy: 'what one process was given, no other of its group is while it is held',
  },
  'gives each process of a group a copy': {
    breaks: (broker) => {
      const ownName = randomBytes(4).toString('hex');
      return {
        subscribe: ({ group, ...request }) => broker.subscribe({ ...request, group: `${group}-${ownName}` }),
      };
    },
    caughtBy: 'what is sent to a group of two processes comes to one of them',
  },
  'lands a repeat as a message of its own': {
    breaks: (broker) => {
      const ids = new InnerMsgIds();
      return {
        send: (shipment) =>
          broker.send({
            ...shipment,
            messages: shipment.messages.map((message) => ({ ...message, innerMsgId: ids.next() })),
          }),
      };
    },
    caughtBy: 'what is sent again under its id is delivered once',
  },
  'counts no attempts': {
    breaks: (broker) => ({
      retryLater: (held, attempt, delayMs) => broker.retryLater(held, { ...attempt, failures: 0 }, delayMs),
    }),
    caughtBy: 'what is to be retried comes again after its time, with its attempts',
  },
  'forgets what earlier attempts left behind': {
    breaks: (broker) => ({
      retryLater: (held, attempt, delayMs) => broker.retryLater(held, { ...attempt, errors: null }, delayMs),
    }),
    caughtBy: 'what is to be retried comes again after its time, with its attempts',
  },
  'tries a failure again at once': {
    breaks: (broker) => ({ retryLater: (held, attempt) => broker.retryLater(held, attempt, 0) }),
    caughtBy: 'what is to be retried comes again after its time, with its attempts',
  },
  'takes no ACK, and says that it has': {
    breaks: () => ({ acknowledge: async () => true }),
    caughtBy: 'what is acknowledged never comes again',
  },
  'takes an ACK from anybody': {
    breaks: (broker) => ({ acknowledge: async (held) => (await broker.acknowledge(held)) || true }),
    caughtBy: 'an ACK of who has lost the delivery is not taken',
  },
  'fails at an ACK that comes too late': {
    breaks: (broker) => ({
      async acknowledge(held) {
        if (await broker.acknowledge(held)) return true;
        throw new TypeError("Cannot read properties of undefined (reading 'ack')");
      },
    }),
    caughtBy: 'an ACK of who has lost the delivery is not taken',
  },
  'hands out a dead letter again': {
    breaks: (broker) => ({ deadLetter: (held) => broker.giveBack(held, 0) }),
    caughtBy: 'a dead letter does not come again',
  },
  'counts what was given back as a failure': {
    breaks: (broker) => ({
      giveBack: (held, delayMs) =>
        broker.retryLater(held, { failures: 1, lostLeases: 0, errors: null }, delayMs),
    }),
    caughtBy: 'what is given back comes again at no cost',
  },
  'throws away what no group has subscribed to': {
    breaks: (broker) => {
      let groups = 0;
      return {
        async subscribe(request) {
          groups++;
          return broker.subscribe(request);
        },
        async send(shipment) {
          return groups > 0 ? broker.send(shipment) : shipment.messages.map(() => ({ kind: 'landed' }));
        },
      };
    },
    caughtBy: 'a message that no group has subscribed to is kept',
  },
};

async function brokenWorld(breaks: Breaking): Promise<ContractWorld> {
  const world = await localWorld('sqlite');
  const breaking = (transport: Transport) => ({ ...transport, ...breaks(transport) });
  return {
    ...world,
    transport: breaking(world.transport),
    restart: async () => breaking(await world.restart()),
    another: async () => breaking(await world.another()),
  };
}

describe('a transport that', () => {
  it.each(Object.entries(VARIANTS))('%s is found out', async (_, { breaks, caughtBy }) => {
    const open = () => brokenWorld(breaks);
    const checks = transportContract(open, { patienceMs: 1_500, settleMs: 100, leaseMs: 200 });
    const check = checks.find(({ name }) => name === caughtBy);
    await expect(check!.run()).rejects.toThrow('The transport breaks its contract');
  });

  it('does not promise something passes nothing of it', async () => {
    const capabilities = { ...OWN_BROKER, ordersKeys: false };
    const open = async () => {
      const world = await localWorld('sqlite');
      return { ...world, transport: { ...world.transport, capabilities } };
    };
    const ofKeys = transportContract(open).filter(({ only }) => only === 'ordersKeys');
    expect(ofKeys.map(({ applies }) => applies(capabilities))).toEqual([false, false]);
    expect(ofKeys.map(({ applies }) => applies(OWN_BROKER))).toEqual([true, true]);
    for (const { run } of ofKeys)
      await expect(run()).rejects.toThrow('declare ordersKeys, and this one does not');
  });

  it('each promise is one that some broken transport breaks', () => {
    const promises = transportContract(() => localWorld('sqlite')).map(({ name }) => name);
    const caught = new Set(Object.values(VARIANTS).map(({ caughtBy }) => caughtBy));
    expect(promises.filter((promise) => !caught.has(promise))).toEqual([]);
  });
});
