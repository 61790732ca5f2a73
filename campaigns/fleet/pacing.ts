import { setTimeout as pause } from 'node:timers/promises';
import type { Pair } from '../databases/pair.js';
import type { Fleet } from './fleet.js';

const LOOK_MS = 300;

/**
 * Keeps publishers from running away from consumers, which are killed as often.
 *
 * @param most deliveries and outbox rows that may wait before nobody pays any more: a backlog only makes the end longer
 * @returns how to stop it
 */
export function keepPace(fleet: Fleet, pair: Pair, most: number): () => Promise<void> {
  const over = new AbortController();
  const looking = (async () => {
    while (!over.signal.aborted) {
      // Where a server is down for now, nobody knows.
      const many = await waiting(pair).catch(() => undefined);
      const told = many === undefined || many > most ? 'hold-publishing' : 'go-on-publishing';
      for (const slot of fleet.of('publisher')) slot.tell(told);
      await pause(LOOK_MS, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  return () => {
    over.abort();
    return looking;
  };
}

/** Without what a relay has: where that is dead, its lease takes so long that many would be counted for nothing. */
async function waiting({ rawBusiness, rawBroker }: Pair): Promise<number> {
  const [outbox] = await rawBusiness.query(
    'SELECT (SELECT COUNT(*) FROM mq_outbox WHERE token IS NULL) + (SELECT COUNT(*) FROM mq_outbox_keyed WHERE token IS NULL) AS n',
  );
  const [deliveries] = await rawBroker.query(
    'SELECT (SELECT COUNT(*) FROM mq_delivery) + (SELECT COUNT(*) FROM mq_delivery_keyed) AS n',
  );
  return Number(outbox!.n) + Number(deliveries!.n);
}
