import { setTimeout as pause } from 'node:timers/promises';
import { ReplaySubject, Subject, distinct, filter, firstValueFrom, map, take, toArray } from 'rxjs';
import { n } from '../../shared/table.js';
import { EngineRun } from '../engine/engine-run.js';
import type { Engine } from '../engine/engine.js';
import type { Network } from '../wire/network.js';
import type { Backstage } from './backstage.js';
import { isUnluckyPayment } from './broken-wire.js';
import {
  type Cast,
  type Damages,
  castApart,
  castOverTheNetwork,
  castThroughAnEngine,
  castTogether,
  deathsAtAnEngine,
  troupesOf,
} from './cast.js';
import { cardsOf, check } from './checker.js';
import type { Orders } from './orders.js';
import type { Programs } from './programs.js';
import { Progress } from './progress.js';
import type { Results } from './results.js';
import { endAllSystems } from './system-process.js';
import { Tally } from './tally.js';
import { Timeline } from './timeline.js';

const LOOK_EVERY_MS = 100;
/** Card issuing and texting. */
const GROUPS = 2;

/** One run: payments come in, cards are issued, chaos goes on meanwhile, until every message is through. */
export class Performance {
  private readonly tally = new Tally();
  private readonly timeline: Timeline;
  private readonly cast: Cast;
  private readonly over$ = new ReplaySubject<void>(1);
  private readonly heard$ = new Subject<Parameters<Timeline['add']>[1]>();
  private readonly engineRun: EngineRun | undefined;
  private readonly progress = new Progress(process.stdout);

  constructor(
    private readonly backstage: Backstage,
    private readonly orders: Orders,
    programs: Programs,
    private readonly network?: Network,
    engine?: Engine,
  ) {
    this.timeline = new Timeline((id) => isUnluckyPayment(id, orders.oneUnluckyIn));
    const direction = {
      orders,
      programs,
      log: backstage.systemsLog,
      over$: this.over$,
      onEvent: (said: { who: { name: string } } & Parameters<Timeline['add']>[1]) =>
        this.hear(said.who.name, said),
    };
    if (engine) {
      const { heard$, over$ } = this;
      this.engineRun = new EngineRun(engine, { wanted: deathsAtAnEngine(orders.payments), heard$, over$ });
      this.cast = castThroughAnEngine({ ...direction, handOuts: this.engineRun.handOuts }, engine);
    } else if (network) this.cast = castOverTheNetwork(direction, network);
    else this.cast = orders.databases.broker ? castApart(direction) : castTogether(direction);
    network?.events$.subscribe((event) =>
      this.hear('the network', { event, at: performance.timeOrigin + performance.now() }),
    );
    this.over$.subscribe(() => network?.faults.calmDown());
  }

  async run(): Promise<Results> {
    const { backstage, tally, cast, troupes } = this;
    const { payments, withoutDedup } = this.orders;
    this.progress.show(0, 'the systems start');
    await Promise.all([...troupes.map(({ crew, size }) => crew.start(size)), this.untilGroupsAreThere()]);
    cast.paymentSystem.crew.cue('open');
    const accidents = troupes.map(({ chaos }) => chaos.unleash());
    await Promise.all([...accidents, this.engineRun?.cuts.unleash(), this.untilAllIsDelivered()]);
    // The broker last: what the others still have they give back.
    await Promise.all(troupes.filter((one) => one !== cast.broker).map(({ crew }) => crew.shutDown()));
    await cast.broker?.crew.shutDown();
    const engine = await this.engineRun?.results();
    const apart = cast.broker !== undefined || engine !== undefined;
    const story = this.timeline.story();
    const published = await backstage.published();
    return {
      payments,
      apart,
      withoutDedup,
      tally,
      published,
      landed: await this.landed(published),
      faults: damagesOf(cast),
      ...(this.network && { network: this.network.faults }),
      ...(engine && { engine }),
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

  private landed(published: number): Promise<number> | number {
    if (this.engineRun) return this.engineRun.handOuts.landedCount;
    return this.cast.broker ? this.backstage.landed() : published;
  }

  /** For a run that goes wrong. */
  get troubles(): string {
    const { network, engineRun, tally, backstage } = this;
    const faults = [network?.faults, engineRun?.cuts].flatMap((made) =>
      made ? [JSON.stringify(made.counts)] : [],
    );
    return [...this.crashes, ...faults, ...tally.troubles, backstage.lastWords()].join('\n');
  }

  private get troupes() {
    return troupesOf(this.cast);
  }

  private get crashes(): string[] {
    return this.troupes.flatMap(({ crew }) => crew.crashes);
  }

  private hear(who: string, said: Parameters<Timeline['add']>[1]): void {
    this.tally.add(said.event);
    this.timeline.add(who, said);
    this.heard$.next(said);
  }

  /**
   * A group gets what is published once it has subscribed, and each of them has to. A card worker that can't reach the broker starts all the same, and
   * subscribes later.
   */
  private untilGroupsAreThere(): Promise<unknown> {
    const { crew } = this.cast.cardWorkers;
    const groups$ = crew.events$.pipe(
      map(({ event }) => (event.type === 'consuming' ? event.group : undefined)),
      filter((group) => group !== undefined),
      distinct(),
    );
    return firstValueFrom(groups$.pipe(take(GROUPS), toArray()));
  }

  private async untilAllIsDelivered(): Promise<void> {
    const { crew: paymentSystem } = this.cast.paymentSystem;
    let lull = true;
    for (;;) {
      // Once, and before looking: it may end, as it should, while the database answers.
      const allIsPaid = paymentSystem.isDone;
      const { paid, cards, pending: seen } = await this.backstage.look();
      const pending = seen + (this.engineRun?.pending ?? 0);
      const { isEnough } = this;
      this.progress.show(
        cards / this.orders.payments,
        `${n(paid)} paid · ${n(cards)} cards · ${this.accidents}`,
      );
      if (lull && isEnough && !allIsPaid) {
        lull = false;
        paymentSystem.cue('no more lull');
      }
      if (allIsPaid && (isEnough || pending === 0)) this.over$.next();
      if (allIsPaid && pending === 0) return this.progress.end();
      if (this.crashes.length > 0) throw new Error('A system broke down.');
      await pause(LOOK_EVERY_MS);
    }
  }

  private get isEnough(): boolean {
    const { network, engineRun } = this;
    const isCalm = (!network || network.faults.isEnough) && (!engineRun || engineRun.cuts.isEnough);
    return isCalm && this.troupes.every(({ chaos }) => chaos.isEnough);
  }

  private get accidents(): string {
    const killed = sum(this.troupes.map(({ chaos }) => chaos.killed));
    const paused = sum(this.troupes.map(({ chaos }) => chaos.paused));
    const { network, engineRun } = this;
    const faults = network ? ` · ${n(network.faults.total)} network faults` : '';
    const cuts = engineRun ? ` · ${n(engineRun.cuts.total)} cuts` : '';
    return `${killed} killed · ${paused} paused${faults}${cuts}`;
  }
}

function damagesOf({ paymentSystem, cardWorkers, relays, broker }: Cast): Damages {
  return {
    paymentSystem: paymentSystem.chaos,
    cardWorkers: cardWorkers.chaos,
    ...(relays && { relays: relays.chaos }),
    ...(broker && { broker: broker.chaos }),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
