import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClaimedDelivery, IdempotentMqOptions, Lease, Transport } from '../../../src/index.js';
import { brokerByEngine } from '../engine/broker-by-engine.js';
import { told } from '../engine/told.js';
import type { Orders } from './orders.js';
import { report } from './reporter.js';

/** Each way takes a while, in milliseconds, so that a process may die while something is under way. */
const WAY_MS = 5;
/** Beside the unlucky ones, of how many ACKs one gets lost. */
const ONE_LOST_IN = { shipments: 10, answers: 50 };

interface Misfortune {
  isUnlucky: (bizId: Buffer) => boolean;
  /** Whether an ACK 5 of this unlucky one has not been lost yet. */
  isFirst: (delivery: ClaimedDelivery) => boolean;
  oneLostIn: { shipments: number; answers: number };
}

/**
 * Where the broker is, and a wire to it that loses ACKs on purpose. Nothing, where all share a database. What is on the wire
 * to a service is lost there (../wire); connections to an engine are cut on their way (../engine).
 */
export function brokerOf(orders: Orders): IdempotentMqOptions {
  const { databases, service, engine, oneUnluckyIn } = orders;
  const isUnlucky = (bizId: Buffer) => isUnluckyPayment(bizId.toString(), oneUnluckyIn);
  if (service) return { broker: service };
  if (engine) {
    // An ACK that goes to an engine has no answer. And nothing says of a delivery that an engine has made it before.
    const misfortune = {
      isUnlucky,
      isFirst: ({ innerMsgId }: ClaimedDelivery) => leaveMark(orders.marks, innerMsgId.toString('hex')),
      oneLostIn: { ...ONE_LOST_IN, answers: Infinity },
    };
    return { broker: brokerByEngine(engine, (transport) => brokenWire(told(transport), misfortune)) };
  }
  if (!databases.broker) return {};
  const misfortune = {
    isUnlucky,
    isFirst: ({ failures, lostLeases }: ClaimedDelivery) => failures === 0 && lostLeases === 0,
    oneLostIn: ONE_LOST_IN,
  };
  return {
    broker: { dataSource: databases.broker, through: (transport) => brokenWire(transport, misfortune) },
  };
}

/** It is none of those that are announced twice: each first of ten. */
export function isUnluckyPayment(paymentId: string, oneUnluckyIn: number): boolean {
  return Number(paymentId.slice('P-'.length)) % oneUnluckyIn === 5;
}

function brokenWire(broker: Transport, { isUnlucky, isFirst, oneLostIn }: Misfortune): Transport {
  /** Inner-msg-ids of unlucky ones that have lost an ACK 3. */
  const lostOnce = new Set<string>();
  /** Deliveries whose ACK 5 gets lost as often as it is tried, and how often it was. */
  const doomed = new Map<string, { bizId: string; tries: number }>();
  const wire: Partial<Transport> = {
    async send(shipment) {
      await pause(WAY_MS);
      const answers = await broker.send(shipment);
      await pause(WAY_MS);
      const unlucky = shipment.messages
        .filter(({ bizId }) => isUnlucky(bizId))
        .map(({ innerMsgId }) => innerMsgId.toString('hex'))
        .filter((id) => !lostOnce.has(id));
      if (unlucky.length === 0 && !happensOnceIn(oneLostIn.shipments)) return answers;
      for (const id of unlucky) lostOnce.add(id);
      report({ type: 'acks-3-dropped', count: shipment.messages.length });
      throw new Error('ACK 3 was lost on purpose.');
    },

    async claim(claim) {
      const answer = await broker.claim(claim);
      for (const delivery of answer.deliveries) {
        const isCard = claim.subscription.group === 'card-issuing';
        if (isCard && isUnlucky(delivery.bizId) && isFirst(delivery)) {
          doomed.set(nameOf(delivery), { bizId: delivery.bizId.toString(), tries: 0 });
        }
      }
      return answer;
    },

    async acknowledge(held) {
      const fate = doomed.get(nameOf(held));
      if (fate) {
        if (++fate.tries === 1) report({ type: 'ack-5-dropped', bizId: fate.bizId });
        throw new Error('ACK 5 was lost on purpose.');
      }
      const taken = await broker.acknowledge(held);
      if (!happensOnceIn(oneLostIn.answers)) return taken;
      report({ type: 'ack-5-answer-dropped' });
      throw new Error('ACK 5 has arrived, and its answer was lost on purpose.');
    },
  };
  return Object.assign(Object.create(broker) as Transport, wire);
}

/** @returns whether nobody has left it before */
function leaveMark(folder: string, name: string): boolean {
  try {
    mkdirSync(join(folder, name));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function nameOf({ subscriptionId, seq, token }: Lease): string {
  return `${subscriptionId} ${seq} ${token.toString('hex')}`;
}

function happensOnceIn(n: number): boolean {
  return Math.random() < 1 / n;
}
