import type { Transport } from '../../src/transport/port.js';
import type { Simulation } from './simulation.js';

type Ask = (...args: unknown[]) => unknown;

/** These answer nothing. */
const HINTS = ['finished', 'onLanded'];
/**
 * What may come to a broker twice. A claim may not, where nothing stands between that knows its answer: what is leased a
 * second time, nobody holds.
 */
const REPEATABLE = ['send', 'subscribe', 'acknowledge', 'retryLater', 'deadLetter', 'giveBack', 'extend'];
/** How long a group may have to wait for the publishers of its topic is not limited, so an app that starts waits for it. */
const UNLIMITED = 'subscribe';
const LATEST_REPEAT_MS = 10_000;

/** The broker, reached by way of a network that loses, delays and repeats. */
export function faultyPort(broker: Transport, simulation: Simulation): Transport {
  const faulty: Record<string, unknown> = {};
  // Also what it has from a prototype: something may stand before it.
  for (const name in broker) {
    const ask = (broker as unknown as Record<string, unknown>)[name];
    const isAsked = typeof ask === 'function' && !HINTS.includes(name);
    faulty[name] = isAsked ? throughNetwork(name, ask.bind(broker) as Ask, simulation) : ask;
  }
  return faulty as unknown as Transport;
}

function throughNetwork(name: string, ask: Ask, simulation: Simulation): Ask {
  const actor = simulation.running;
  const { faults, chance } = simulation;
  return async (...args) => {
    if (faults.hits('request lost')) throw new Error(`The request ${name} was lost.`);
    if (name !== UNLIMITED && faults.hits('request swallowed')) return never();
    if (REPEATABLE.includes(name) && faults.hits('request repeated')) {
      const again = () => void Promise.resolve(ask(...args)).catch(() => undefined);
      simulation.plan(chance.between(0, LATEST_REPEAT_MS), `repeat ${name}`, again, actor);
    }
    const answer = await ask(...args);
    if (name !== UNLIMITED && faults.hits('answer swallowed')) return never();
    const isLost = faults.hits('answer lost');
    await simulation.pass(`answer: ${name}`, actor);
    if (isLost) throw new Error(`The answer to ${name} was lost.`);
    return answer;
  };
}

function never(): Promise<never> {
  return new Promise<never>(() => undefined);
}
