import { type Address, Queue, Worker } from 'bullmq';
import { SqlBusiness, createBusiness, dropDatabase } from '../business/mysql.js';
import { now } from '../clock.js';
import type { ConsumerSide, Contestant, OpenOptions, Opened, Place } from '../contestant.js';
import type { Payment } from '../payment.js';

const JOB = {
  removeOnComplete: true,
  attempts: 20,
  backoff: { type: 'exponential', delay: 1_000 },
} as const;
const UNDONE = ['waiting', 'active', 'delayed', 'prioritized', 'failed', 'paused'];

export const bullmq: Contestant = {
  name: 'bullmq',
  label: 'BullMQ + MariaDB',
  family: 'peer',
  servers: ['redis', 'mariadb'],
  business: 'mariadb',
  settings:
    'Redis with appendfsync always, so that what it has answered is on disk; a worker of the same concurrency, the payment id as job id, removeOnComplete; the payment commits first, then the job is added',
  weaker:
    'dual write: a process that dies between the commit and the answer of Redis leaves a payment without a job, and so without a card',
  create: (place) => createBusiness(place, 'mariadb'),
  open: openBullmq,
  async left(place) {
    const counts = await withQueue(place, (queue) => queue.getJobCounts(...UNDONE));
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  },
  async drop(place) {
    await withQueue(place, (queue) => queue.obliterate({ force: true }));
    await dropDatabase(place, 'mariadb');
  },
};

function addressOf({ urls }: Place): Address {
  const { hostname, port, password } = new URL(urls.redis!);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null, ...(password && { password }) };
}

async function withQueue<T>(place: Place, work: (queue: Queue<Payment>) => Promise<T>): Promise<T> {
  const queue = new Queue<Payment>(place.name, { connection: addressOf(place) });
  return work(queue).finally(() => queue.close());
}

async function openBullmq(place: Place, { payers, consumer }: OpenOptions): Promise<Opened> {
  const business = new SqlBusiness(place, 'mariadb', Math.max(1, payers) + (consumer?.concurrency ?? 0));
  const queue = new Queue<Payment>(place.name, { connection: addressOf(place) });
  const worker = consumer && (await startWorker(place, business, consumer));
  return {
    async pay(payment) {
      await business.pay(payment.paymentId, payment.amount);
      const committedAt = now();
      await queue.add('issue', payment, { ...JOB, jobId: payment.paymentId });
      return committedAt;
    },
    async close() {
      await worker?.close();
      await queue.close();
      await business.close();
    },
  };
}

async function startWorker(
  place: Place,
  business: SqlBusiness,
  consumer: ConsumerSide,
): Promise<Worker<Payment>> {
  const worker = new Worker<Payment>(
    place.name,
    async ({ data: { paymentId } }) => {
      await consumer.begin();
      if (await business.issueCard(paymentId)) consumer.effect(paymentId);
    },
    { connection: addressOf(place), concurrency: consumer.concurrency },
  );
  worker.on('error', (error) => console.error(error));
  await worker.waitUntilReady();
  return worker;
}
