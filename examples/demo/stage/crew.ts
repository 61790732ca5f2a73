import { Subject } from 'rxjs';
import type { HandOuts } from './hand-outs.js';
import type { Orders } from './orders.js';
import type { StageEvent } from './reporter.js';
import { type Cue, SystemProcess } from './system-process.js';
import { follow } from './work.js';

export interface Witnessed {
  who: SystemProcess;
  event: StageEvent;
  /** Milliseconds since 1970. */
  at: number;
}

/** Processes that do the same, each replaced when it dies: what systemd or Kubernetes does elsewhere. */
export class Crew {
  readonly events$ = new Subject<Witnessed>();
  /** Ended though nobody killed them. */
  readonly crashes: string[] = [];
  /** One has ended with all of its work done. */
  isDone = false;
  /** Each with what it is working on. */
  private readonly members = new Map<SystemProcess, Set<string>>();
  private readonly cues: Cue[] = [];
  private started = 0;
  private closing = false;

  constructor(
    /** "card worker" */
    private readonly trade: string,
    private readonly program: string,
    private readonly orders: Orders,
    private readonly log: number,
    /** It has something to do that comes to an end. */
    private readonly mayEnd = false,
    /** Where an engine is in the broker's place. */
    private readonly handOuts?: HandOuts,
  ) {}

  /** Resolves when all of them work. */
  async start(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.startOne().ready));
  }

  get ready(): SystemProcess[] {
    return [...this.members.keys()].filter((member) => member.isReady);
  }

  /** Nobody is dead, or starts. */
  get isComplete(): boolean {
    return this.ready.length === this.members.size;
  }

  atWorkOn(member: SystemProcess): Iterable<string> {
    return this.members.get(member) ?? [];
  }

  /** Tells all of them, and those who replace them. */
  cue(cue: Cue): void {
    this.cues.push(cue);
    for (const member of this.ready) member.cue(cue);
  }

  /** For good: those who die now are not replaced. */
  close(): void {
    this.closing = true;
  }

  async shutDown(): Promise<void> {
    this.close();
    await Promise.all([...this.members.keys()].map((member) => member.shutDown()));
  }

  private startOne(): SystemProcess {
    const member = new SystemProcess(`${this.trade} ${++this.started}`, this.program, this.orders, this.log);
    const work = new Set<string>();
    this.members.set(member, work);
    member.events$.subscribe(({ event: said, at }) => {
      const event = this.handOuts ? this.handOuts.see(member, said) : said;
      if (!event) return;
      follow(work, event);
      this.events$.next({ who: member, event, at });
    });
    void member.ready.then(() => this.cues.forEach((cue) => member.cue(cue))).catch(() => undefined);
    void member.ended.then((how) => {
      this.members.delete(member);
      if (how === '0' && this.mayEnd) return void (this.isDone = true);
      const expected = this.closing ? 'SIGTERM' : 'SIGKILL';
      if (how !== expected) this.crashes.push(`${member.name} ended by itself (${how}).`);
      if (!this.closing) this.startOne();
    });
    return member;
  }
}
