import type { Pair } from './pair.js';

/** Notes each delivery that is claimed although somebody had it, whose lease is over. */
export async function noteTakeovers({ broker, rawBroker }: Pair): Promise<void> {
  await rawBroker.query('CREATE TABLE takeover (seq BIGINT NOT NULL)');
  const isOne = 'NEW.lost_leases > OLD.lost_leases';
  const note = 'INSERT INTO takeover (seq) VALUES (NEW.seq)';
  const body =
    broker.engine === 'sqlite'
      ? `WHEN ${isOne} BEGIN ${note}; END`
      : `BEGIN IF ${isOne} THEN ${note}; END IF; END`;
  for (const table of ['mq_delivery', 'mq_delivery_keyed']) {
    await rawBroker.query(`CREATE TRIGGER note_${table} AFTER UPDATE ON ${table} FOR EACH ROW ${body}`);
  }
}

export async function countTakeovers({ rawBroker }: Pair): Promise<number> {
  const [row] = await rawBroker.query('SELECT COUNT(*) AS n FROM takeover');
  return Number(row!.n);
}
