import { AckTimeoutError } from '../errors/index.js';
import type { Transport } from './port.js';

/** What takes its own time: a relay has `relay.ackTimeoutMs` for these, and a group may wait for publishers. */
const UNLIMITED: readonly string[] = ['send', 'acceptance', 'subscribe'];
/** These answer nothing. */
const HINTS: readonly string[] = ['finished', 'onLanded'];

/** The names of what a transport can be asked. */
export function methodsOf(local: Transport): string[] {
  return Object.entries(local).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []));
}

/** The same transport, whose answers are waited for no longer than `ms`. What comes later changes nothing. */
export function withinTime(transport: Transport, methods: readonly string[], ms: number): Transport {
  const asked = transport as unknown as Record<string, (...args: unknown[]) => unknown>;
  const waits = (name: string) => !UNLIMITED.includes(name) && !HINTS.includes(name);
  const limited = methods.map((name) => {
    const ask = (...args: unknown[]) => asked[name]!(...args);
    return [name, waits(name) ? (...args: unknown[]) => answered(name, ms, () => ask(...args)) : ask];
  });
  return { ...(Object.fromEntries(limited) as Transport), colocated: transport.colocated };
}

async function answered(what: string, ms: number, ask: () => unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AckTimeoutError(`The broker has not answered ${what}() within ${ms} ms.`)),
      ms,
    );
  });
  const answer = Promise.resolve(ask());
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
    // The loser of the race still settles; nobody else would catch it.
    answer.catch(() => undefined);
  }
}
