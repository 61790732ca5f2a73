import { setTimeout as pause } from 'node:timers/promises';
import { transactionsOver } from './databases/open-transactions.js';
import type { Pair } from './databases/pair.js';
import type { Raw } from './databases/raw.js';
import type { Fleet } from './fleet/fleet.js';

/** How long everything may take to get through once faults have stopped: some leases of a relay, which are 18 s. */
export const DRAIN_MS = 120_000;

/** How a chunk came to rest. */
export interface Rest {
  /** Undefined when it was not through in time. */
  drainMs: number | undefined;
  /** What should not be there any more. */
  left: string[];
}

/**
 * Resolves when everything is through and nobody is there any more who could change it. Empty tables alone don't say that:
 * whoever has lost its lease in the middle of a handler is in none of them, and must not be shot before it can do harm.
 */
export async function comeToRest(fleet: Fleet, pair: Pair): Promise<Rest> {
  await fleet.stopPublishing();
  // What was on its way to COMMIT when its publisher gave it up is there now, or never will be.
  const left = await transactionsOver(pair);
  const drainMs = await drain(fleet, pair);
  if (drainMs === undefined) {
    left.push(
      `not through after ${DRAIN_MS / 1000} s: ${(await leftIn(fleet, pair)).join(', ') || 'nothing'}`,
    );
  }
  await fleet.shutDown();
  left.push(...(await transactionsOver(pair)));
  if (drainMs !== undefined) {
    const again = await leftIn(fleet, pair);
    left.push(...again.map((what) => `${what}, when all had been through`));
  }
  return { drainMs, left };
}

/** @returns how long it took in milliseconds; undefined when it was not through in time */
async function drain(fleet: Fleet, pair: Pair): Promise<number | undefined> {
  const began = performance.now();
  let swept = false;
  while (performance.now() - began < DRAIN_MS) {
    if ((await waitingIn(fleet, pair)).length === 0) {
      if (swept && (await unneededIn(pair)).length === 0) return performance.now() - began;
      await fleet.sweep();
      swept = true;
    }
    await pause(100);
  }
  return undefined;
}

async function leftIn(fleet: Fleet, pair: Pair): Promise<string[]> {
  return [...(await waitingIn(fleet, pair)), ...(await unneededIn(pair))];
}

const OUTBOX = ['mq_outbox', 'mq_outbox_keyed', 'mq_outbox_scheduled'];
const DELIVERIES = ['mq_delivery', 'mq_delivery_keyed', 'mq_waiting'];
/** Where somebody requeues them, these are on their way as well; but for those that nobody can judge. */
const OF_OPERATOR = [
  `mq_dead_letter WHERE reason <> 'too-old-to-judge'`,
  'mq_quarantine WHERE decision IS NULL',
];
const UNNEEDED = [
  `mq_message WHERE seq NOT IN (SELECT seq FROM mq_dead_letter) AND seq NOT IN (SELECT seq FROM mq_parked)`,
];

async function waitingIn(fleet: Fleet, { rawBusiness, rawBroker }: Pair): Promise<string[]> {
  // The outbox first: what leaves it meanwhile is seen behind it.
  const inOutbox = await rowsIn(rawBusiness, OUTBOX);
  const ofOperator = fleet.of('operator').length > 0 ? OF_OPERATOR : [];
  return [...inOutbox, ...(await rowsIn(rawBroker, [...DELIVERIES, ...ofOperator]))];
}

function unneededIn({ rawBroker }: Pair): Promise<string[]> {
  return rowsIn(rawBroker, UNNEEDED);
}

/** In one statement: two miss what moves from one table to the other. */
async function rowsIn(raw: Raw, places: readonly string[]): Promise<string[]> {
  const counts = places.map((place, i) => `(SELECT COUNT(*) FROM ${place}) AS n${i}`);
  const [row] = await raw.query(`SELECT ${counts.join(', ')}`);
  return places
    .map((place, i) => ({ place: place.split(' ')[0]!, count: Number(row![`n${i}`]) }))
    .filter(({ count }) => count > 0)
    .map(({ place, count }) => `${count} in ${place}`);
}
