import { setTimeout as pause } from 'node:timers/promises';
import { AckTimeoutError, BrokerUnreachableError } from '../../src/errors/index.js';
import type { Transport } from '../../src/transport/port.js';
import type { Simulation } from './simulation.js';

type Ask = (...args: unknown[]) => unknown;

/** A broker in a database, or a service: that knows a claim again, and its client has a time limit. */
export type Far = 'database' | 'service';

/** These answer nothing. */
const HINTS = ['finished', 'onLanded'];
/** What may come to any broker twice. */
const REPEATABLE = ['send', 'subscribe', 'acknowledge', 'retryLater', 'deadLetter', 'giveBack', 'extend'];
/** What only a service may hear twice: elsewhere nobody would hold what is leased the second time. */
const REPEATABLE_AT_SERVICE = ['claim', 'claimAlone'];
/** How long a group may have to wait for the publishers of its topic is not limited, so an app that starts waits for it. */
const UNLIMITED = 'subscribe';
const LATEST_REPEAT_MS = 10_000;
/** Of the service's client. */
const PATIENCE_MS = 1_000;

/** The broker, reached by way of a network that loses, delays and repeats. */
export function faultyPort(broker: Transport, simulation: Simulation, far: Far): Transport {
  const faulty: Record<string, unknown> = {};
  // Also what it has from a prototype: something may stand before it.
  for (const name in broker) {
    const ask = (broker as unknown as Record<string, unknown>)[name];
    const isAsked = typeof ask === 'function' && !HINTS.includes(name);
    faulty[name] = isAsked ? throughNetwork(name, ask.bind(broker) as Ask, simulation, far) : ask;
  }
  return faulty as unknown as Transport;
}

function throughNetwork(name: string, ask: Ask, simulation: Simulation, far: Far): Ask {
  const actor = simulation.running;
  const { faults, chance } = simulation;
  const isRepeatable =
    REPEATABLE.includes(name) || (far === 'service' && REPEATABLE_AT_SERVICE.includes(name));
  return async (...args) => {
    if (faults.hits('request lost')) throw lost(`the request ${name}`);
    if (name !== UNLIMITED && faults.hits('request swallowed')) return noAnswer(name, far);
    if (isRepeatable && faults.hits('request repeated')) {
      const again = () => void Promise.resolve(ask(...args)).catch(() => undefined);
      simulation.plan(chance.between(0, LATEST_REPEAT_MS), `repeat ${name}`, again, actor);
    }
    const answer = await ask(...args);
    if (name !== UNLIMITED && faults.hits('answer swallowed')) return noAnswer(name, far);
    const isLost = faults.hits('answer lost');
    await simulation.pass(`answer: ${name}`, actor);
    if (isLost) throw lost(`the answer to ${name}`);
    return answer;
  };
}

function lost(what: string): Error {
  return new BrokerUnreachableError('simulated', { cause: new Error(`${what} was lost`) });
}

async function noAnswer(name: string, far: Far): Promise<never> {
  if (far === 'database') return new Promise<never>(() => undefined);
  await pause(PATIENCE_MS);
  throw new AckTimeoutError(`No answer to ${name}.`);
}
