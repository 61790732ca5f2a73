import { setTimeout as pause } from 'node:timers/promises';
import { type Observable, filter, firstValueFrom, map, merge, takeUntil, tap, timer } from 'rxjs';
import { type CardWorkers, type WorkerEvent, deliveryOf } from './card-workers.js';
import type { SystemProcess } from './system-process.js';

/** Between two kills, in milliseconds. */
const KILL_EVERY_MS = 2_000;
const ENOUGH = { kills: 5, stalls: 1 };
/** A card takes about this long, in milliseconds: a kill at a random time within it meets every moment of it. */
const ONE_CARD_MS = 12;
/** What has been said before a worker was frozen has arrived by then, in milliseconds. */
const SILENCE_MS = 100;
/** How long others get to go on and to take over, in milliseconds. */
const PATIENCE_MS = { goOn: 2_000, takeOver: 15_000 };

/** Does to the card workers what bad days in production do. */
export class Chaos {
  killed = 0;
  stalled = 0;
  private readonly victims = new Set<SystemProcess>();

  constructor(
    private readonly workers: CardWorkers,
    /** Emits when it is enough, also to those who ask later. */
    private readonly over$: Observable<unknown>,
  ) {}

  get isEnough(): boolean {
    return this.killed >= ENOUGH.kills && this.stalled >= ENOUGH.stalls;
  }

  /** Resolves when it is over. */
  async unleash(): Promise<void> {
    await Promise.all([this.killAgainAndAgain(), this.stallOnePastItsLease()]);
  }

  /** `kill -9`, each time while the worker is issuing a card. */
  private async killAgainAndAgain(): Promise<void> {
    for (;;) {
      await firstValueFrom(merge(timer(KILL_EVERY_MS), this.over$));
      const victim = await this.workerThatIssuesACard();
      if (!victim) return;
      await pause(Math.random() * ONE_CARD_MS);
      await victim.kill();
      this.victims.delete(victim);
      this.killed++;
    }
  }

  /** SIGSTOP, and SIGCONT when others have done its work: it wakes up with deliveries that are not its own any more. */
  private async stallOnePastItsLease(): Promise<void> {
    while (this.stalled < ENOUGH.stalls) {
      const victim = await this.workerThatIssuesACard();
      if (!victim) return;
      victim.freeze();
      await pause(SILENCE_MS);
      const takenOver = (await this.othersGoOn(victim)) && (await this.othersTakeOver(victim));
      victim.thaw();
      if (takenOver) this.stalled++;
      this.victims.delete(victim);
    }
  }

  /** If not, it was frozen with SQLite's only write lock in its hands, which stalls everybody: another accident. */
  private othersGoOn(frozen: SystemProcess): Promise<boolean> {
    return this.happens(PATIENCE_MS.goOn, (said) => said.worker !== frozen && isAcknowledged(said));
  }

  private othersTakeOver(frozen: SystemProcess): Promise<boolean> {
    const left = new Set(this.workers.atWorkOn(frozen));
    return this.happens(
      PATIENCE_MS.takeOver,
      (said) => said.worker !== frozen && isAcknowledged(said) && left.has(deliveryOf(said.event)!),
    );
  }

  /** The next one to begin with a card, where another one is left to go on; undefined when it is over. */
  private async workerThatIssuesACard(): Promise<SystemProcess | undefined> {
    const found$ = this.workers.events$.pipe(
      filter(({ event }) => event.type === 'delivered' && event.group === 'card-issuing'),
      map(({ worker }) => worker),
      filter((worker) => !this.victims.has(worker) && this.workers.ready - this.victims.size >= 2),
      takeUntil(this.over$),
    );
    // Synchronously, so that no worker becomes the victim of both.
    const chosen$ = found$.pipe(tap((worker) => this.victims.add(worker)));
    return firstValueFrom(chosen$, { defaultValue: undefined });
  }

  private happens(withinMs: number, what: (said: WorkerEvent) => boolean): Promise<boolean> {
    const happened$ = this.workers.events$.pipe(
      filter(what),
      map(() => true),
      takeUntil(timer(withinMs)),
    );
    return firstValueFrom(happened$, { defaultValue: false });
  }
}

function isAcknowledged({ event }: WorkerEvent): boolean {
  return event.type === 'acknowledged';
}
