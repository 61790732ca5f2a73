import type { Seeded } from '../seeded.js';
import type { Actor } from './actor.js';
import type { Simulation } from './simulation.js';

/**
 * What is done to the protocol, each with how often in a seed that has it: of all happenings, statements, requests and so
 * on. A run in which one of them never happened is void.
 */
const RATES = {
  /** A process is killed while it waits: for the answer to a statement that is done, for a timer, for the broker. */
  killed: 0.004,
  /** A process stands still for up to three leases. */
  frozen: 0.002,
  /** The clock of a machine or of a database is set. */
  'clock set': 0.002,
  /** The COMMIT is done, and its connection breaks before the answer comes. */
  'answer of a COMMIT lost': 0.06,
  /** The connection breaks before the COMMIT comes. */
  'COMMIT lost': 0.03,
  /** The connection breaks at another statement, before it or after it. */
  'connection lost': 0.006,
  /** Somebody else has the lock. */
  contention: 0.006,
  /** What is asked of the broker never gets there. */
  'request lost': 0.03,
  /** The broker does it, and its answer gets lost. */
  'answer lost': 0.05,
  /** Nobody says that it was lost. */
  'request swallowed': 0.015,
  'answer swallowed': 0.015,
  /** The broker hears it twice, the second time any time later. */
  'request repeated': 0.04,
  /** A business takes its transaction back after it has published. */
  'publish rolled back': 0.08,
  'handler failed before its effect': 0.08,
  'handler failed after its effect': 0.08,
  /** It swallows an error of the database that has ended its transaction. */
  'handler swallowed an error': 0.03,
  /** It takes longer than it may. */
  'handler too slow': 0.02,
  'message rejected': 0.02,
} as const;

/** Those that others plan, see fleet.ts and paying.ts. */
const PLANNED = ['told of again', 'shut down', 'asleep for days'] as const;

export type Fault = keyof typeof RATES | (typeof PLANNED)[number];

export const ALL_FAULTS: readonly Fault[] = [...(Object.keys(RATES) as (keyof typeof RATES)[]), ...PLANNED];

/** What has to come of them; else they have not struck where it hurts. */
export const CONSEQUENCES: readonly string[] = [
  'ack-lost',
  'ack-missed',
  'commit-unknown',
  'dead-lettered',
  'duplicate-absorbed',
  'forgotten',
  'lease-lost',
  'parked',
  'quarantined',
  'resend-absorbed',
  'retry-scheduled',
].map((event) => `event: ${event}`);

/** How many of the kinds a seed has: not all of them hide each other then. */
const SHARE = 0.45;

/** A clock that can be set. */
export interface SettableClock {
  readonly name: string;
  clockAheadMs: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Which faults a seed has, and when they strike. */
export class Faults {
  /** Nothing of it any more, so that everything can get through. */
  areOver = false;
  readonly counts = new Map<string, number>();
  /** Who hears that a process has been killed. */
  onKill: (actor: Actor) => void = () => undefined;
  readonly clocks: SettableClock[] = [];
  /** The most that a clock was off, in milliseconds. */
  mostOffMs = 0;
  private readonly has = new Set<Fault>();
  private readonly pace: number;

  constructor(
    private readonly chance: Seeded,
    private readonly leaseMs: number,
  ) {
    for (const fault of ALL_FAULTS) if (chance.chance(SHARE)) this.has.add(fault);
    this.pace = chance.pick([0.3, 1, 3]);
  }

  /** Whether it happens now. It is counted. */
  hits(fault: keyof typeof RATES): boolean {
    if (this.areOver || !this.has.has(fault) || !this.chance.chance(RATES[fault])) return false;
    this.count(fault);
    return true;
  }

  /** Whether this seed has it. */
  includes(fault: Fault): boolean {
    return this.has.has(fault);
  }

  count(fault: string): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
  }

  /** How long something takes: seldom very long. */
  latency(): number {
    const kind = this.chance.next();
    if (kind < 0.7) return this.chance.between(0, 2) * this.pace;
    if (kind < 0.95 || this.areOver) return this.chance.between(2, 20) * this.pace;
    if (kind < 0.995) return this.chance.between(20, 300) * this.pace;
    return this.chance.between(0, 1.5) * this.leaseMs;
  }

  /** Before something happens to an actor. @returns whether a fault has come in its place */
  strike(simulation: Simulation, actor: Actor, label: string): boolean {
    if (this.areOver) return false;
    if (this.hits('killed')) {
      this.count(`killed ${placeOf(label)}`);
      simulation.trace.note(simulation.now, actor.name, `KILLED, ${label}`);
      this.onKill(actor);
      return true;
    }
    if (this.hits('frozen')) {
      const ms = this.chance.between(0, 3) * this.leaseMs;
      simulation.trace.note(simulation.now, actor.name, `FROZEN for ${Math.round(ms)}, ${label}`);
      actor.frozenUntil = simulation.now + ms;
    }
    if (this.hits('clock set')) this.setClock(simulation, actor);
    return false;
  }

  private setClock(simulation: Simulation, actor: Actor): void {
    const clock = this.chance.pick([...this.clocks, actor]);
    const most = this.chance.pick([10 * SECOND_MS, 10 * MINUTE_MS]);
    // Often it is set right again.
    clock.clockAheadMs = this.chance.chance(0.4) ? 0 : Math.round(this.chance.between(-most, most));
    this.mostOffMs = Math.max(this.mostOffMs, Math.abs(clock.clockAheadMs));
    simulation.trace.note(simulation.now, clock.name, `CLOCK is ${clock.clockAheadMs} ahead`);
  }
}

function placeOf(label: string): string {
  if (/^\w+: COMMIT$/.test(label)) return 'after a COMMIT, before its answer';
  if (label.startsWith('answer: ')) return 'before an answer of the broker';
  if (/^(?:refused, |lost, )?\w+: /.test(label)) return 'between two statements';
  return 'while it waited';
}
