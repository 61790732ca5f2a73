import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, type Provider } from '@nestjs/common';
import {
  type DeliveryContext,
  IdempotentConsumer,
  IdempotentExecutor,
  RejectMessageError,
  RetryLaterError,
} from '../../src/index.js';
import { EVERYWHERE, World } from '../forgetting/support/world.js';
import { CardRow, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { until } from '../support/until.js';
import { Auditor, told } from './support/audit-of.js';

/** In a sound database an audit finds nothing, however busy it is: nobody is called at night for what is on its way. */

const ROUNDS = 5;
const AT_LEAST = 100;
/** Payments to one sweep. */
const MOST_BEHIND = 200;
const HAPPENED = ['retry-scheduled', 'dead-lettered', 'group-removed', 'message-dropped'] as const;
const SETTLE_MS = 200;
/** Each look waits for what is on its way, and a machine may be busy. */
const PATIENCE_MS = 300_000;

/** Fails now and then in each way that there is, but for those that are to be put right by hand. */
@Injectable()
class RestlessCards {
  private readonly met = new Map<string, number>();

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Payment, { manager, group }: DeliveryContext) {
    const time = (this.met.get(paymentId) ?? 0) + 1;
    this.met.set(paymentId, time);
    await manager.insert(CardRow, { paymentId, issuedBy: group });
    const number = Number(paymentId.split('-')[1]);
    if (number % 7 === 0 && time === 1) throw new Error('once');
    if (number % 11 === 0 && time === 1) throw new RetryLaterError({ delayMs: 30 });
    if (number % 13 === 0 && time === 1) throw new RejectMessageError('not the first time');
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'ledger' })
  async book() {
    await pause(1);
  }
}

/** What a worker holds that is killed, as the broker sees it: nobody renews it, and nobody acknowledges it. */
async function claimAndDie({ app, brokerDataSource }: World): Promise<void> {
  const [{ id }] = await brokerDataSource.query(
    'SELECT MIN(id) AS id FROM mq_subscription WHERE removed = 0',
  );
  const claim = {
    subscription: { id: Number(id) },
    claimId: randomBytes(16),
    after: 0,
    limit: 2,
    leaseMs: 100,
  };
  await app.broker.claim({ ...claim, keys: { after: Buffer.alloc(0), until: Buffer.alloc(0), first: true } });
}

const providers: Provider[] = [RestlessCards];

describe.each(EVERYWHERE)('beside full load, on %s with %s,', (engine, shape) => {
  let world: World;
  let auditor: Auditor;
  let lost: { acks: number; answers: number };

  beforeEach(async () => {
    const asked = { acks: 0, sends: 0 };
    lost = { acks: 0, answers: 0 };
    world = await World.open(engine, shape, {
      providers,
      options: { roles: { sweep: true } },
      through: (transport) =>
        // Some ACKs, and some answers to what was sent, are lost when all has been done.
        Object.assign(Object.create(transport) as typeof transport, {
          acknowledge: async (...given: Parameters<typeof transport.acknowledge>) => {
            const answer = await transport.acknowledge(...given);
            if (asked.acks++ % 11 !== 3) return answer;
            lost.acks++;
            throw new Error('the ACK is lost');
          },
          send: async (...given: Parameters<typeof transport.send>) => {
            const answer = await transport.send(...given);
            if (asked.sends++ % 5 !== 2) return answer;
            lost.answers++;
            throw new Error('the answer is lost');
          },
        }),
    });
    auditor = await Auditor.open(world.business, world.brokers);
  });

  afterEach(async () => {
    await auditor?.close();
    await world?.close();
  });

  it(
    'an audit finds nothing, time after time',
    async () => {
      const { app } = world;
      let published = 0;
      let isOver = false;
      let sweeps = 0;
      // The second one of them began after the wait did.
      const twoSweeps = async () => {
        const before = sweeps;
        await until('two sweeps are over', () => isOver || sweeps >= before + 2);
      };
      const publishing = (async () => {
        while (!isOver) {
          // However slow the machine is: each sweep has the more to do, the longer the one before it took.
          await until('sweeps keep up', () => isOver || published < MOST_BEHIND * (sweeps + 1));
          const payments = Array.from({ length: 20 }, () => payment(`P-${++published}`));
          const options = { standalone: true, ...(published % 40 === 0 && { orderingKey: 'one' }) } as const;
          await app.outbox.publishAll(PaymentSucceeded, payments, options);
          await app.outbox.publish(PaymentSucceeded, payment(`P-${published}`), {
            standalone: true,
            delayMs: 50,
          });
          await app.nest
            .get(IdempotentExecutor)
            .run({ scenario: 'webhook', bizId: `W-${published}` }, async () => 1);
          await pause(20);
        }
      })();
      const operating = (async () => {
        for (let version = 1; !isOver; version++) {
          await app.broker.deadLetters.requeue({ group: 'cards' });
          const late = { topic: PaymentSucceeded.name, group: 'late', version };
          await app.broker.subscribe(late);
          await world.forget();
          await claimAndDie(world);
          await app.broker.sweep();
          sweeps++;
          await app.broker.removeSubscription(late);
          await pause(50);
        }
      })();
      const stopped = Promise.all([publishing, operating]);
      // A failure of theirs ends the rounds, too.
      stopped.catch(() => (isOver = true));
      const audits: string[][] = [];
      let waits = 0;
      const isComplete = () => {
        const seen = new Set(app.seen.map(({ type }) => type));
        const isLost = shape === 'one database' || (lost.acks > 0 && lost.answers > 0);
        // Some of it was suspicious at first: there was something to be silent about.
        return published >= AT_LEAST && waits > 0 && isLost && HAPPENED.every((type) => seen.has(type));
      };
      // All is to have happened, however slow the machine is.
      for (let round = 0; !isOver && (round < ROUNDS || !isComplete()); round++) {
        const looks = {
          settleMs: SETTLE_MS,
          patienceMs: 10_000,
          pause: (ms: number) => (waits++, ms <= SETTLE_MS ? pause(ms) : twoSweeps()),
        };
        await pause(5);
        audits.push(told(await auditor.audit(looks)));
      }
      isOver = true;
      await stopped;
      expect(audits).toEqual(audits.map(() => []));
      expect(isComplete()).toBe(true);
    },
    PATIENCE_MS,
  );
});

/** A million, where there is time: MQ_TEST_AUDIT_MESSAGES. */
const MESSAGES = Number(process.env.MQ_TEST_AUDIT_MESSAGES ?? 2_000);

describe.each(EVERYWHERE)('after a clean run, on %s with %s,', (engine, shape) => {
  it(
    `an audit of ${MESSAGES} messages finds nothing`,
    async () => {
      const world = await World.open(engine, shape);
      const auditor = await Auditor.open(world.business, world.brokers);
      try {
        for (let from = 0; from < MESSAGES; from += 1_000) {
          const length = Math.min(1_000, MESSAGES - from);
          const payments = Array.from({ length }, (_, i) => payment(`P-${from + i}`));
          await world.app.outbox.publishAll(PaymentSucceeded, payments, { standalone: true });
        }
        const done = async () =>
          Number((await world.dataSource.query('SELECT COUNT(*) AS n FROM mq_dedup'))[0].n) === MESSAGES;
        await until('all has taken effect', done, { limitMs: 60_000 + 20 * MESSAGES, everyMs: 100 });
        if (MESSAGES > 20_000) await world.dataSource.query('CREATE INDEX card_payment ON card (paymentId)');
        const report = await auditor.audit({
          settleMs: 500,
          patienceMs: 5_000,
          pause: (ms) => pause(ms),
        });
        expect(told(report)).toEqual([]);
        expect(report.looked).toBeGreaterThan(MESSAGES);
      } finally {
        await auditor.close();
        await world.close();
      }
    },
    120_000 + 40 * MESSAGES,
  );
});
