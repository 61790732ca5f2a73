import { setTimeout as pause } from 'node:timers/promises';
import { type Observable, filter, firstValueFrom, interval, map, merge, takeUntil, timer } from 'rxjs';
import type { Crew, Witnessed } from './crew.js';
import type { StageEvent } from './reporter.js';
import type { SystemProcess } from './system-process.js';
import { begun, isDelicate, isProgress, isRepeat } from './work.js';

/** What is to happen to a crew. */
export interface Accidents {
  kills: number;
  pauses: number;
  /** Between two kills, in milliseconds. */
  killEveryMs: number;
  /** Kills go on until it is over. */
  andOn?: boolean;
  /** While there is much to do: who has nothing to do has nothing that could be taken over. */
  pausesFirst?: boolean;
  /** Neither kills nor pauses wait for each other: in a short run, whichever comes second might never get its turn. */
  atOnce?: boolean;
  /** How long others may need to take over, in milliseconds: longer than the lease. */
  takeOverMs: number;
  /** How long a pause is at least, in milliseconds. */
  pauseMs?: number;
  /** At which event of a process that has nothing else to do a pause may begin, where not each delicate moment will do. */
  pausesAt?: StageEvent['type'];
  /** Also when nobody is left. */
  alone?: boolean;
  /** It does nothing by itself that could be waited for. */
  atAnyTime?: boolean;
}

/** A card, or sending, takes about this long, in milliseconds: a kill at a random time within it meets every moment of it. */
const WORK_MS = 12;
/** What has been said before a process was frozen has arrived by then, in milliseconds. */
const SILENCE_MS = 100;
/** How long others get to go on, in milliseconds. */
const PATIENCE_MS = 4_000;
/** How long they get to be done with what they took over, in milliseconds. */
const DONE_MS = 500;

/** Does to a crew what bad days in production do. */
export class Chaos {
  killed = 0;
  paused = 0;

  constructor(
    private readonly crew: Crew,
    readonly wanted: Accidents,
    /** Emits when it is enough, also to those who ask later. */
    private readonly over$: Observable<unknown>,
  ) {}

  get isEnough(): boolean {
    return this.killed >= this.wanted.kills && this.paused >= this.wanted.pauses;
  }

  async unleash(): Promise<void> {
    const { andOn, atOnce, kills, pausesFirst } = this.wanted;
    if (atOnce) {
      await Promise.all([this.kill(kills), this.pausePastTheLease()]);
      return;
    }
    if (pausesFirst) await this.pausePastTheLease();
    await this.kill(andOn ? Infinity : kills);
    // What a killed relay had begun is free long after, when its lease has ended: that is waited for meanwhile.
    await this.pausePastTheLease();
  }

  /** `kill -9`, each time while the victim is at work. */
  private async kill(times: number): Promise<void> {
    for (let kills = 0; kills < times; kills++) {
      await firstValueFrom(merge(timer(this.wanted.killEveryMs), this.over$));
      const victim = await this.nextVictim();
      if (!victim) return;
      await pause(Math.random() * WORK_MS);
      await victim.kill();
      this.killed++;
    }
  }

  /** SIGSTOP, and SIGCONT when others have done its work: it wakes up with work that is not its own any more. */
  private async pausePastTheLease(): Promise<void> {
    while (this.paused < this.wanted.pauses) {
      // Who starts needs SQLite's write lock, and the victim may take it into its sleep.
      const victim = await this.nextVictim(() => this.crew.isComplete, this.wanted.pausesAt);
      if (!victim) return;
      const since = performance.now();
      victim.freeze();
      await pause(SILENCE_MS);
      const takenOver = (await this.othersGoOn(victim)) && (await this.othersTakeOver(victim));
      if (takenOver) await pause(Math.max(DONE_MS, since + (this.wanted.pauseMs ?? 0) - performance.now()));
      victim.thaw();
      if (takenOver) this.paused++;
    }
  }

  /** If not, it was frozen with SQLite's only write lock in its hands, which stalls everybody: another accident. */
  private othersGoOn(frozen: SystemProcess): Promise<boolean> {
    return this.happens(PATIENCE_MS, ({ who, event }) => who !== frozen && isProgress(event));
  }

  private async othersTakeOver(frozen: SystemProcess): Promise<boolean> {
    const left = new Set(this.crew.atWorkOn(frozen));
    // It was done before it froze.
    if (left.size === 0) return false;
    return this.happens(
      this.wanted.takeOverMs,
      ({ who, event }) => who !== frozen && isRepeat(event) && left.has(begun(event)!),
    );
  }

  /** The next one at work, where another one is left to go on, or none is needed; undefined when it is over. */
  private async nextVictim(
    isTime = () => true,
    moment?: StageEvent['type'],
  ): Promise<SystemProcess | undefined> {
    const { alone, atAnyTime } = this.wanted;
    const found$ = atAnyTime ? this.whoeverIsReady() : this.atDelicateMoments(moment);
    const spare = alone ? 0 : 1;
    const chosen$ = found$.pipe(
      filter(() => this.crew.ready.length > spare && isTime()),
      takeUntil(this.over$),
    );
    return firstValueFrom(chosen$, { defaultValue: undefined });
  }

  private atDelicateMoments(moment?: StageEvent['type']): Observable<SystemProcess> {
    return this.crew.events$.pipe(
      filter(({ who, event }) =>
        moment ? event.type === moment && [...this.crew.atWorkOn(who)].length === 1 : isDelicate(event),
      ),
      map(({ who }) => who),
    );
  }

  private whoeverIsReady(): Observable<SystemProcess> {
    return interval(SILENCE_MS).pipe(
      map(() => this.crew.ready[0]),
      filter((who) => who !== undefined),
    );
  }

  private happens(withinMs: number, what: (said: Witnessed) => boolean): Promise<boolean> {
    const happened$ = this.crew.events$.pipe(
      filter(what),
      map(() => true),
      takeUntil(timer(withinMs)),
    );
    return firstValueFrom(happened$, { defaultValue: false });
  }
}
