import type { Pair } from './pair.js';
import { createTrigger } from './trigger.js';

/** Notes each delivery that is claimed although somebody had it, whose lease is over. */
export async function noteTakeovers({ broker, rawBroker }: Pair): Promise<void> {
  await rawBroker.query('CREATE TABLE takeover (seq BIGINT NOT NULL)');
  for (const table of ['mq_delivery', 'mq_delivery_keyed']) {
    await createTrigger(rawBroker, broker.engine, {
      ...{ name: `note_${table}`, when: 'AFTER UPDATE', table },
      onlyIf: 'NEW.lost_leases > OLD.lost_leases',
      does: 'INSERT INTO takeover (seq) VALUES (NEW.seq)',
    });
  }
}

export async function countTakeovers({ rawBroker }: Pair): Promise<number> {
  const [row] = await rawBroker.query('SELECT COUNT(*) AS n FROM takeover');
  return Number(row!.n);
}
