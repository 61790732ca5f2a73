import { AckTimeoutError } from '../errors/index.js';
import type { Lease, Transport } from './port.js';

/** What takes its own time: a relay has `relay.ackTimeoutMs` for these, and a group may wait for publishers. */
const UNLIMITED: readonly string[] = ['send', 'acceptance', 'subscribe'];
/** These answer nothing. */
const HINTS: readonly string[] = ['finished', 'onLanded'];

/** The names of what a transport can be asked. */
export function methodsOf(local: Transport): string[] {
  return Object.entries(local).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []));
}

/**
 * The same transport, whose answers are waited for no longer than `ms`. What comes later changes nothing; but what a claim
 * has leased by then, and nobody waits for, is handed back: it would look as if its holder had died.
 */
export function withinTime(transport: Transport, methods: readonly string[], ms: number): Transport {
  const asked = transport as unknown as Record<string, (...args: unknown[]) => unknown>;
  const waits = (name: string) => !UNLIMITED.includes(name) && !HINTS.includes(name);
  const limited = methods.map((name) => {
    const ask = (...args: unknown[]) => asked[name]!(...args);
    return [name, waits(name) ? (...args: unknown[]) => answered(name, ms, () => ask(...args)) : ask];
  });
  const giveBack = (leases: readonly Lease[]) =>
    Promise.allSettled(leases.map((lease) => transport.giveBack(lease, 0)));
  return {
    ...(Object.fromEntries(limited) as Transport),
    capabilities: transport.capabilities,
    colocated: transport.colocated,
    claim: (claim) =>
      answered(
        'claim',
        ms,
        () => transport.claim(claim),
        ({ deliveries }) => giveBack(deliveries),
      ),
    claimAlone: (claim) =>
      answered(
        'claimAlone',
        ms,
        () => transport.claimAlone(claim),
        (delivery) => giveBack(delivery ? [delivery] : []),
      ),
  };
}

async function answered<T>(
  what: string,
  ms: number,
  ask: () => Promise<T> | T,
  onLate: (answer: T) => unknown = () => undefined,
): Promise<T> {
  let isLate = false;
  let timer: NodeJS.Timeout | undefined;
  // Also where it throws at once.
  const answer = (async () => ask())();
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(new AckTimeoutError(`The broker has not answered ${what}() within ${ms} ms.`));
    }, ms);
  });
  // The loser of the race still settles; nobody else would hear of it.
  answer.then((value) => (isLate ? onLate(value) : undefined)).catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
