import { setTimeout as pause } from 'node:timers/promises';
import type { Pair } from './databases/pair.js';
import type { Raw } from './databases/raw.js';
import type { Fleet } from './fleet/fleet.js';

/** How long everything may take to get through once faults have stopped: some leases of a relay, which are 18 s. */
export const DRAIN_MS = 120_000;

/** @returns how long it took in milliseconds; undefined when it was not through in time */
export async function drain(fleet: Fleet, pair: Pair): Promise<number | undefined> {
  const began = performance.now();
  let swept = false;
  while (performance.now() - began < DRAIN_MS) {
    if (await isQuiet(fleet, pair)) {
      if (swept && (await unneeded(pair.rawBroker)) === 0) return performance.now() - began;
      await fleet.sweep();
      swept = true;
    }
    await pause(100);
  }
  return undefined;
}

async function isQuiet(fleet: Fleet, { rawBusiness, rawBroker }: Pair): Promise<boolean> {
  const outbox = await count(
    rawBusiness,
    `(SELECT COUNT(*) FROM mq_outbox) + (SELECT COUNT(*) FROM mq_outbox_keyed)
      + (SELECT COUNT(*) FROM mq_outbox_scheduled)`,
  );
  if (outbox > 0) return false;
  // Where somebody requeues them, dead letters and quarantined copies are on their way as well; but for those that nobody can judge.
  const dead =
    fleet.of('operator').length > 0
      ? ` + (SELECT COUNT(*) FROM mq_dead_letter WHERE reason <> 'too-old-to-judge')
          + (SELECT COUNT(*) FROM mq_quarantine WHERE decision IS NULL)`
      : '';
  // In one statement: two miss what moves from one table to the other.
  const deliveries = await count(
    rawBroker,
    `(SELECT COUNT(*) FROM mq_delivery) + (SELECT COUNT(*) FROM mq_delivery_keyed)
      + (SELECT COUNT(*) FROM mq_waiting)${dead}`,
  );
  return deliveries === 0;
}

function unneeded(broker: Raw): Promise<number> {
  return count(
    broker,
    `(SELECT COUNT(*) FROM mq_message WHERE seq NOT IN (SELECT seq FROM mq_dead_letter)
      AND seq NOT IN (SELECT seq FROM mq_parked))`,
  );
}

async function count(raw: Raw, what: string): Promise<number> {
  const [row] = await raw.query(`SELECT ${what} AS n`);
  return Number(row!.n);
}
