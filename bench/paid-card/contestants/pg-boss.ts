import { type Db, PgBoss } from 'pg-boss';
import {
  INSERT_CARD,
  INSERT_DEDUP,
  PostgresBusiness,
  createBusiness,
  dropDatabase,
  once,
  postgresUrl,
} from '../business/postgres.js';
import type { ConsumerSide, Contestant, OpenOptions, Opened, Place } from '../contestant.js';
import type { Payment } from '../payment.js';

const QUEUE = 'card-issuing';

/**
 * `polling`: it looks every half a second, as often as it may, and at once while batches come back full.
 * `notify`: who sends rings a bell in its transaction, and PostgreSQL lets those commit one after the other.
 * `transactional`: a batch of jobs shares a transaction with their completion.
 */
type Way = 'polling' | 'notify' | 'transactional';

const WAYS: Record<Way, { label: string; batchSize: number; workers: number; settings: string }> = {
  polling: {
    label: 'pg-boss, polling',
    batchSize: 20,
    workers: 2,
    settings:
      'a card per transaction, jobs completed a batch at a time; polls every 0.5 s, burstWhenBatchFull',
  },
  notify: {
    label: 'pg-boss, LISTEN/NOTIFY',
    batchSize: 20,
    workers: 2,
    settings: 'as polling, with useListenNotify and a queue that notifies',
  },
  transactional: {
    label: 'pg-boss, transactional batches',
    batchSize: 50,
    workers: 2,
    settings:
      'transactional workers: the jobs of a batch, one after the other, in one transaction with their completion',
  },
};

export function pgBoss(name: Way): Contestant {
  const { label, batchSize, workers, settings } = WAYS[name];
  return {
    name: `pg-boss-${name}`,
    label,
    family: 'peer',
    servers: ['postgres'],
    business: 'postgres',
    settings: `${settings}; batchSize ${batchSize}, localConcurrency ${workers}, a partition of its own, no scheduler. Completed jobs stay until its maintenance deletes them`,
    async create(place) {
      await createBusiness(place);
      const boss = openBoss(place, name, 2);
      await boss.start();
      await boss.createQueue(QUEUE, { notify: name === 'notify', partition: true });
      await boss.stop({ graceful: false, timeout: 1_000 });
    },
    open: async (place, options) => openPgBoss(place, name, options),
    async left(place) {
      const sql = `SELECT COUNT(*) AS n FROM pgboss.job WHERE name = '${QUEUE}' AND state <> 'completed'`;
      const [row] = await once(postgresUrl(place), sql);
      return Number(row!.n);
    },
    drop: dropDatabase,
  };
}

function openBoss(place: Place, name: Way, max: number): PgBoss {
  const boss = new PgBoss({
    connectionString: postgresUrl(place),
    max,
    schedule: false,
    supervise: false,
    useListenNotify: name === 'notify',
  });
  return boss.on('error', (error) => console.error(error));
}

async function openPgBoss(place: Place, name: Way, { payers, consumer }: OpenOptions): Promise<Opened> {
  const { workers, batchSize } = WAYS[name];
  const business = new PostgresBusiness(place, Math.max(1, payers) + (consumer?.concurrency ?? 0));
  const boss = openBoss(place, name, 2 * workers + 2);
  await boss.start();
  if (consumer) {
    await boss.work<Payment>(
      QUEUE,
      {
        batchSize,
        localConcurrency: workers,
        pollingIntervalSeconds: 0.5,
        burstWhenBatchFull: true,
        ...(name === 'transactional' && { transactional: true }),
      },
      name === 'transactional'
        ? (jobs, transaction) => issueTogether(jobs, transaction, consumer)
        : async (jobs) => {
            await Promise.all(jobs.map(({ data }) => issue(data, business, consumer)));
          },
    );
  }
  return {
    pay: (payment) =>
      business.pay(payment.paymentId, payment.amount, (client) =>
        boss.send(QUEUE, payment, { db: { executeSql: (text, values) => client.query(text, values) } }),
      ),
    async close() {
      await boss.stop({ graceful: true, timeout: 10_000 });
      await business.close();
    },
  };
}

async function issue(
  { paymentId }: Payment,
  business: PostgresBusiness,
  consumer: ConsumerSide,
): Promise<void> {
  await consumer.begin();
  if (await business.issueCard(paymentId)) consumer.effect(paymentId);
}

/** Its COMMIT is pg-boss's own: the effects are noted a round trip or two before it. */
async function issueTogether(
  jobs: { data: Payment }[],
  transaction: Db,
  consumer: ConsumerSide,
): Promise<void> {
  await consumer.begin();
  const issued: string[] = [];
  for (const { paymentId } of jobs.map(({ data }) => data)) {
    const { rows } = await transaction.executeSql(INSERT_DEDUP, [Buffer.from(paymentId)]);
    if (rows.length === 0) continue;
    await transaction.executeSql(INSERT_CARD, [paymentId]);
    issued.push(paymentId);
  }
  for (const paymentId of issued) consumer.effect(paymentId);
}
