import { type Seeded } from '../seeded.js';
import { Actor } from './actor.js';
import { Agenda, type Happening } from './agenda.js';
import type { Faults } from './faults.js';
import { Trace } from './trace.js';

/** Of the real clock's timers this one is used, and not to wait: all promises that can go on have done so when it fires. */
const realTurn = setImmediate;

/**
 * Time, and what happens when. Whoever waits for anything (a statement, its answer, an answer of the broker, a timer) waits
 * for a moment on the agenda, and how far ahead that lies is drawn from the seed. Between two happenings all code runs that
 * can, and nothing else goes on: so the seed decides about every interleaving.
 */
export class Simulation {
  static current: Simulation | undefined;

  /** Milliseconds since the simulation began; by it goes what nobody can set. */
  now = 0;
  /** Whose code runs. */
  actor: Actor | undefined;
  readonly keeper = new Actor('keeper', false);
  readonly trace: Trace;
  /** Apart from the other draws, so that a variant that makes one token more does not change everything at once. */
  readonly bytes: Seeded;
  private readonly agenda = new Agenda();
  private planned = 0;
  private sleptMs = 0;

  constructor(
    readonly chance: Seeded,
    readonly faults: Faults,
    { keepsTrace = false } = {},
  ) {
    this.trace = new Trace(keepsTrace);
    this.bytes = chance.child('bytes');
  }

  /** Has the code of an actor run at a later moment. @returns how to call it off */
  plan(afterMs: number, label: string, run: () => void, actor = this.running): Happening {
    const at = this.now + Math.max(0, afterMs);
    const happening = { at, order: this.planned++, actor, label, run, cancelled: false };
    this.agenda.add(happening);
    return happening;
  }

  /** Waits for as long as things take. For an actor that has died it never ends. */
  pass(label: string, actor: Actor): Promise<void> {
    return new Promise((resolve) => {
      this.plan(this.faults.latency(), label, resolve, actor);
    });
  }

  get running(): Actor {
    if (this.actor) return this.actor;
    throw new Error('Something was done in the simulation, and nobody has done it.');
  }

  /** Goes on until `isOver`, or for `limitMs` of its own time. @returns whether it was over */
  async run(isOver: () => boolean, limitMs: number): Promise<boolean> {
    const end = this.now + limitMs;
    while (!isOver()) {
      const happening = this.agenda.next();
      if (!happening || happening.at > end) {
        if (happening) this.agenda.add(happening);
        this.now = end;
        return false;
      }
      if (happening.cancelled || !happening.actor.isAlive) continue;
      this.now = Math.max(this.now, happening.at);
      if (this.happen(happening)) await new Promise<void>((resolve) => void realTurn(resolve));
      this.actor = undefined;
    }
    return true;
  }

  /** As if all machines had been asleep for so long, while their clocks went on. */
  sleep(ms: number): void {
    this.trace.note(this.now, 'all', `sleep for ${ms}`);
    this.now += ms;
    this.sleptMs += ms;
  }

  /** For what takes long only while somebody is awake. */
  get awakeMs(): number {
    return this.now - this.sleptMs;
  }

  private happen(happening: Happening): boolean {
    const { actor, label, run } = happening;
    if (actor.frozenUntil > this.now) {
      this.plan(actor.frozenUntil - this.now, label, run, actor);
      return false;
    }
    if (actor.isMortal && this.faults.strike(this, actor, label)) return true;
    this.trace.note(this.now, actor.name, label);
    this.actor = actor;
    run();
    return true;
  }
}
