import { Logger, type Runner, run, runMigrations } from 'graphile-worker';
import { PostgresBusiness, createBusiness, dropDatabase, once, postgresUrl } from '../business/postgres.js';
import type { ConsumerSide, Contestant, OpenOptions, Opened, Place } from '../contestant.js';
import type { Payment } from '../payment.js';

const TASK = 'issue_card';
const ADD_JOB = `SELECT graphile_worker.add_job('${TASK}', payload := $1::json)`;

/** It logs each job that it has done, which costs more than some of the work. */
const SILENT = new Logger(() => () => undefined);

const SETTINGS = { localQueue: 100, batchDelayMs: 0 };

export const graphileWorker: Contestant = {
  name: 'graphile-worker',
  label: 'graphile-worker',
  family: 'peer',
  servers: ['postgres'],
  business: 'postgres',
  settings: `localQueue ${SETTINGS.localQueue}, completeJobBatchDelay ${SETTINGS.batchDelayMs}, no log; LISTEN/NOTIFY, as it comes`,
  async create(place) {
    await createBusiness(place);
    await runMigrations({ connectionString: postgresUrl(place), logger: SILENT });
  },
  open: openGraphileWorker,
  async left(place) {
    const [row] = await once(postgresUrl(place), 'SELECT COUNT(*) AS n FROM graphile_worker.jobs');
    return Number(row!.n);
  },
  drop: dropDatabase,
};

async function openGraphileWorker(place: Place, { payers, consumer }: OpenOptions): Promise<Opened> {
  const business = new PostgresBusiness(place, Math.max(1, payers) + (consumer?.concurrency ?? 0));
  const runner = consumer && (await startRunner(place, business, consumer));
  return {
    pay: (payment) =>
      business.pay(payment.paymentId, payment.amount, (client) =>
        client.query({ name: 'add_job', text: ADD_JOB, values: [JSON.stringify(payment)] }),
      ),
    async close() {
      await runner?.stop();
      await business.close();
    },
  };
}

function startRunner(place: Place, business: PostgresBusiness, consumer: ConsumerSide): Promise<Runner> {
  return run({
    preset: {
      worker: {
        connectionString: postgresUrl(place),
        maxPoolSize: 10,
        concurrentJobs: consumer.concurrency,
        localQueue: { size: SETTINGS.localQueue },
        completeJobBatchDelay: SETTINGS.batchDelayMs,
        failJobBatchDelay: SETTINGS.batchDelayMs,
        pollInterval: 2_000,
        logger: SILENT,
      },
    },
    taskList: {
      [TASK]: async (payload) => {
        const { paymentId } = payload as Payment;
        await consumer.begin();
        if (await business.issueCard(paymentId)) consumer.effect(paymentId);
      },
    },
    crontab: '',
    noHandleSignals: true,
  });
}
