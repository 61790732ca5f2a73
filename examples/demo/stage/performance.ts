import { setTimeout as pause } from 'node:timers/promises';
import { ReplaySubject, map } from 'rxjs';
import type { ExampleDatabase } from '../../shared/example-database.js';
import { n } from '../../shared/table.js';
import type { Backstage } from './backstage.js';
import { CardWorkers } from './card-workers.js';
import { Chaos } from './chaos.js';
import { check } from './checker.js';
import type { Orders } from './orders.js';
import { Progress } from './progress.js';
import type { Results } from './report.js';
import { SystemProcess, endAllSystems } from './system-process.js';
import { Tally } from './tally.js';

const CARD_WORKERS = 3;
const ONE_TWICE_IN = 10;
/** At which payments arrive, in milliseconds, if the database is fast enough. */
const PAYMENT_EVERY_MS = 12;
/** Long enough for some accidents, in milliseconds, however few payments there are. */
const ARRIVAL_MS = 6_000;
/** The part of the payments that is kept for the accidents which a slow machine has not seen by then. */
const RESERVE = 0.4;
/** How many times slower the reserve arrives. */
const LULL = 15;
/** Short, so that what a killed worker held is had again soon. */
const LEASE_MS = 1_500;
const LOOK_EVERY_MS = 100;
const PAYMENT_SYSTEM = new URL('../payment-system/main.ts', import.meta.url);

/** One run: payments come in, cards are issued, chaos goes on meanwhile, until every message is through. */
export class Performance {
  private readonly tally = new Tally();
  private readonly workers: CardWorkers;
  private readonly chaos: Chaos;
  private readonly over$ = new ReplaySubject<void>(1);
  private readonly progress = new Progress(process.stdout);
  private readonly orders: Orders;

  constructor(
    private readonly backstage: Backstage,
    { options: database }: ExampleDatabase,
    private readonly scene: { payments: number; withoutDedup: boolean },
  ) {
    const everyMs = Math.max(ARRIVAL_MS / scene.payments, PAYMENT_EVERY_MS);
    this.orders = {
      ...scene,
      database,
      oneTwiceIn: ONE_TWICE_IN,
      rush: { payments: Math.ceil(scene.payments * (1 - RESERVE)), everyMs },
      lull: { everyMs: LULL * everyMs },
      leaseMs: LEASE_MS,
      smsLog: backstage.smsLog,
    };
    this.workers = new CardWorkers(this.orders, backstage.systemsLog);
    this.chaos = new Chaos(this.workers, this.over$);
  }

  async run(): Promise<Results> {
    const { backstage, chaos, scene, tally, workers } = this;
    tally.listen(workers.events$.pipe(map(({ event }) => event)));
    const paymentSystem = new SystemProcess(PAYMENT_SYSTEM, this.orders, backstage.systemsLog);
    tally.listen(paymentSystem.events$);
    this.progress.show(0, 'the systems start');
    await Promise.all([workers.start(CARD_WORKERS), paymentSystem.ready]);
    paymentSystem.go();
    await Promise.all([chaos.unleash(), this.untilAllIsDelivered(paymentSystem)]);
    await workers.shutDown();
    return {
      ...scene,
      twice: Math.ceil(scene.payments / ONE_TWICE_IN),
      tally,
      chaos,
      crashes: workers.crashes,
      sms: backstage.sms(),
      verdict: await check(backstage.connection),
    };
  }

  /** Whatever still runs, runs no more. */
  async end(): Promise<void> {
    this.progress.end();
    this.over$.next();
    this.workers.close();
    await endAllSystems();
  }

  /** For a run that goes wrong. */
  get troubles(): string {
    return [...this.workers.crashes, ...this.tally.troubles, this.backstage.lastWords()].join('\n');
  }

  private async untilAllIsDelivered(paymentSystem: SystemProcess): Promise<void> {
    let lull = true;
    for (;;) {
      // Once, and before looking: it may end, as it should, while the database answers.
      const { endedAs } = paymentSystem;
      const allIsPaid = endedAs === '0';
      const { paid, cards, pending } = await this.backstage.look();
      const { killed, stalled, isEnough } = this.chaos;
      const text = `${n(paid)} paid · ${n(cards)} cards · ${killed} killed · ${stalled} stalled`;
      this.progress.show(cards / this.scene.payments, text);
      if (lull && isEnough && !endedAs) {
        lull = false;
        paymentSystem.go();
      }
      if (allIsPaid && (isEnough || pending === 0)) this.over$.next();
      if (allIsPaid && pending === 0) return this.progress.end();
      if (endedAs && !allIsPaid) throw new Error(`The payment system broke down (${endedAs}).`);
      if (this.workers.crashes.length > 0) throw new Error('The card system broke down.');
      await pause(LOOK_EVERY_MS);
    }
  }
}
