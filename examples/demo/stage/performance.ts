import { setTimeout as pause } from 'node:timers/promises';
import { ReplaySubject } from 'rxjs';
import { n } from '../../shared/table.js';
import type { Backstage, Sms } from './backstage.js';
import { isUnluckyPayment } from './broken-wire.js';
import { type Accidents, Chaos } from './chaos.js';
import { type Verdict, cardsOf, check } from './checker.js';
import { Crew } from './crew.js';
import type { Databases, Orders } from './orders.js';
import { Progress } from './progress.js';
import { SystemProcess, endAllSystems } from './system-process.js';
import { Tally } from './tally.js';
import { type Story, Timeline } from './timeline.js';

const ONE_TWICE_IN = 10;
/** At which payments arrive, in milliseconds, if the database is fast enough. */
const PAYMENT_EVERY_MS = 12;
/** Long enough for some accidents, in milliseconds, however few payments there are. */
const ARRIVAL_MS = 6_000;
/** The part of the payments that is kept for the accidents which a slow machine has not seen by then. */
const RESERVE = 0.5;
/** How many times slower the reserve arrives. */
const LULL = 25;
/** Short, so that what a killed worker held is had again soon. */
const LEASE_MS = 1_500;
/** How many payments lose both ACKs, about. Each holds up a card worker for a lease. */
const UNLUCKY = 25;
const LOOK_EVERY_MS = 100;
const system = (file: string) => new URL(`../${file}`, import.meta.url);

interface Troupe {
  crew: Crew;
  size: number;
  chaos: Chaos;
}

type Damage = Pick<Chaos, 'killed' | 'paused'>;

export interface Results {
  payments: number;
  /** Payment system, broker and card system have a database each. */
  apart: boolean;
  withoutDedup: boolean;
  landed: number;
  tally: Tally;
  faults: { cardWorkers: Damage; relays?: Damage; broker?: Damage };
  /** Of a message that lost both ACKs. */
  story: (Story & { cards: number }) | undefined;
  crashes: readonly string[];
  sms: Sms;
  verdict: Verdict;
}

/** One run: payments come in, cards are issued, chaos goes on meanwhile, until every message is through. */
export class Performance {
  private readonly tally = new Tally();
  private readonly timeline: Timeline;
  private readonly cardWorkers: Troupe;
  private readonly relays: Troupe | undefined;
  private readonly broker: Troupe | undefined;
  private readonly over$ = new ReplaySubject<void>(1);
  private readonly progress = new Progress(process.stdout);
  private readonly orders: Orders;

  constructor(
    private readonly backstage: Backstage,
    databases: Databases,
    private readonly scene: { payments: number; withoutDedup: boolean },
  ) {
    const everyMs = Math.max(ARRIVAL_MS / scene.payments, PAYMENT_EVERY_MS);
    this.orders = {
      ...scene,
      databases,
      oneTwiceIn: ONE_TWICE_IN,
      rush: { payments: Math.ceil(scene.payments * (1 - RESERVE)), everyMs },
      lull: { everyMs: LULL * everyMs },
      leaseMs: LEASE_MS,
      oneUnluckyIn: ONE_TWICE_IN * Math.ceil(scene.payments / UNLUCKY / ONE_TWICE_IN),
      smsLog: backstage.smsLog,
    };
    this.timeline = new Timeline((id) => isUnluckyPayment(id, this.orders.oneUnluckyIn));
    const cards = { kills: 5, pauses: 1, killEveryMs: 2_000, andOn: true };
    this.cardWorkers = this.troupe('card worker', 3, 'card-system/main.ts', cards);
    if (!databases.broker) return;
    const relays = { kills: 2, pauses: 1, killEveryMs: 1_000 };
    this.relays = this.troupe('relay', 2, 'payment-system/relay.ts', relays);
    const broker = { kills: 2, pauses: 0, killEveryMs: 4_000, alone: true };
    this.broker = this.troupe('broker', 1, 'broker/main.ts', broker);
  }

  async run(): Promise<Results> {
    const { backstage, scene, tally } = this;
    const paymentSystem = new SystemProcess(
      'payment system',
      system('payment-system/main.ts'),
      this.orders,
      backstage.systemsLog,
    );
    paymentSystem.events$.subscribe((said) => this.hear('payment system', said));
    this.progress.show(0, 'the systems start');
    await Promise.all([...this.troupes.map(({ crew, size }) => crew.start(size)), paymentSystem.ready]);
    paymentSystem.go();
    const chaos = this.troupes.map((troupe) => troupe.chaos.unleash());
    await Promise.all([...chaos, this.untilAllIsDelivered(paymentSystem)]);
    await Promise.all(this.troupes.map(({ crew }) => crew.shutDown()));
    const apart = this.broker !== undefined;
    const story = this.timeline.story();
    return {
      ...scene,
      apart,
      tally,
      landed: apart ? await backstage.landed() : tally.published,
      faults: {
        cardWorkers: this.cardWorkers.chaos,
        ...(this.relays && { relays: this.relays.chaos }),
        ...(this.broker && { broker: this.broker.chaos }),
      },
      story: story && { ...story, cards: await cardsOf(backstage.cardSystem, story.paymentId) },
      crashes: this.crashes,
      sms: backstage.sms(),
      verdict: await check(backstage.paymentSystem, backstage.cardSystem),
    };
  }

  /** Whatever still runs, runs no more. */
  async end(): Promise<void> {
    this.progress.end();
    this.over$.next();
    for (const { crew } of this.troupes) crew.close();
    await endAllSystems();
  }

  /** For a run that goes wrong. */
  get troubles(): string {
    return [...this.crashes, ...this.tally.troubles, this.backstage.lastWords()].join('\n');
  }

  private get troupes(): Troupe[] {
    return [this.cardWorkers, this.relays, this.broker].filter((troupe) => troupe !== undefined);
  }

  private get crashes(): string[] {
    return this.troupes.flatMap(({ crew }) => crew.crashes);
  }

  private troupe(name: string, size: number, main: string, accidents: Accidents): Troupe {
    const crew = new Crew(name, system(main), this.orders, this.backstage.systemsLog);
    crew.events$.subscribe((said) => this.hear(said.who.name, said));
    return { crew, size, chaos: new Chaos(crew, accidents, this.over$) };
  }

  private hear(who: string, said: Parameters<Timeline['add']>[1]): void {
    this.tally.add(said.event);
    this.timeline.add(who, said);
  }

  private async untilAllIsDelivered(paymentSystem: SystemProcess): Promise<void> {
    let lull = true;
    for (;;) {
      // Once, and before looking: it may end, as it should, while the database answers.
      const { endedAs } = paymentSystem;
      const allIsPaid = endedAs === '0';
      const { paid, cards, pending } = await this.backstage.look();
      const isEnough = this.troupes.every(({ chaos }) => chaos.isEnough);
      const killed = sum(this.troupes.map(({ chaos }) => chaos.killed));
      const paused = sum(this.troupes.map(({ chaos }) => chaos.paused));
      const text = `${n(paid)} paid · ${n(cards)} cards · ${killed} killed · ${paused} paused`;
      this.progress.show(cards / this.scene.payments, text);
      if (lull && isEnough && !endedAs) {
        lull = false;
        paymentSystem.go();
      }
      if (allIsPaid && (isEnough || pending === 0)) this.over$.next();
      if (allIsPaid && pending === 0) return this.progress.end();
      if (endedAs && !allIsPaid) throw new Error(`The payment system broke down (${endedAs}).`);
      if (this.crashes.length > 0) throw new Error('A system broke down.');
      await pause(LOOK_EVERY_MS);
    }
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
