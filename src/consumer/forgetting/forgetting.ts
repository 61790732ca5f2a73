import type { IdempotentMqEvents } from '../../events/index.js';
import {
  ClockWatch,
  type LibraryConnections,
  type ScenarioRow,
  findScenario,
  listScenarios,
  raiseRetention,
  readClock,
} from '../../storage/index.js';
import type { Transport } from '../../transport/port.js';
import { namedScenario } from '../scenario.js';
import { forgetScenario } from './forget-scenario.js';
import { type ScenarioReport, reportOn } from './forgetting-report.js';
import { type Inquiry, type Unanswered, inquire } from './inquiry.js';

export interface DedupRetention {
  /** How long a biz-id is known after it took effect, in milliseconds. */
  dedupMs: number;
  /** Longer than the longest publishing transaction, in milliseconds. */
  slackMs: number;
  /** Scenarios of `IdempotentExecutor` that have a time of their own, in milliseconds. */
  executors: Readonly<Record<string, number>>;
  /** Where a scenario's own processes have noted a time, that counts, and this process's is none of theirs. */
  asNoted?: boolean;
}

export interface ForgettingDeps {
  connections: LibraryConnections;
  transport: Pick<Transport, 'unfinished'>;
  events: IdempotentMqEvents;
  retention: DedupRetention;
  /** Between two passes, in milliseconds. */
  intervalMs: number;
  onError: (error: unknown) => void;
}

/** What became of a scenario in one pass. */
export interface ScenarioForgotten {
  scenario: string;
  /** Dedup rows that are gone. */
  forgotten: number;
  /** Why nothing of it was forgotten; undefined where nothing was in the way. */
  heldBackBy: string | undefined;
}

/** How long this process is set to keep the rows of a scenario, in milliseconds. */
export function ownRetention(
  { dedupMs, executors }: Pick<DedupRetention, 'dedupMs' | 'executors'>,
  name: string,
  kind: ScenarioRow['kind'],
): number {
  const own = Object.entries(executors).find(([scenario]) => namedScenario(scenario) === name)?.[1];
  if (own === undefined) return dedupMs;
  // What consumers share keeps their promise, too.
  return kind === 'executor' ? own : Math.max(own, dedupMs);
}

/** At start, so that no process that was set up otherwise forgets what this one will want to know. */
export async function keepExecutorRows(
  connections: Pick<LibraryConnections, 'control' | 'database'>,
  { executors }: Pick<DedupRetention, 'executors'>,
): Promise<void> {
  const { database } = connections;
  for (const [scenario, retentionMs] of Object.entries(executors)) {
    await connections.control(async (on) => {
      const found = await findScenario(database, on, namedScenario(scenario));
      if (found && (found.retentionMs ?? 0) < retentionMs) {
        await raiseRetention(database, on, found.id, retentionMs);
      }
    });
  }
}

/** A process that never lives for long forgets something, too. Milliseconds. */
const FIRST_AFTER_MS = 60_000;

/**
 * Forgets dedup rows that no message can need any more. It belongs to the receiving business, whose database has them,
 * and asks the broker what can still come.
 */
export class Forgetting {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private wanted: AbortController | undefined;
  /** Scenarios of which nothing is forgotten, and why: each is told once. */
  private readonly held = new Map<string, string>();

  constructor(
    private readonly deps: ForgettingDeps,
    private readonly watch = new ClockWatch(),
    /** The broker's clock may be another one. A process has one broker. */
    private readonly brokersWatch = watch.another(),
  ) {}

  /**
   * Forgets, now, what is old enough. Any number of processes may do it at the same time.
   *
   * @returns what became of each scenario of this business
   */
  forget(): Promise<ScenarioForgotten[]> {
    return this.pass();
  }

  /** What `forget()` would do now, without doing it. It reads every dedup row: not for each minute. */
  async report(): Promise<ScenarioReport[]> {
    const reports: ScenarioReport[] = [];
    const scenarios = await this.scenarios();
    for (const scenario of scenarios) {
      const inquired = await this.ask(scenario, scenarios);
      reports.push(await reportOn(this.deps.connections, inquired, this.retentionOf(scenario)));
    }
    return reports;
  }

  /** @internal */
  start(): void {
    if (this.wanted && !this.wanted.signal.aborted) return;
    this.wanted = new AbortController();
    this.schedule(this.wanted.signal, Math.min(FIRST_AFTER_MS, this.deps.intervalMs));
  }

  /** @internal */
  async stop(): Promise<void> {
    this.wanted?.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(signal: AbortSignal, afterMs = this.deps.intervalMs): void {
    this.timer = setTimeout(() => {
      this.running = this.pass(signal)
        .catch((error: unknown) => this.deps.onError(error))
        .finally(() => {
          if (!signal.aborted) this.schedule(signal);
        });
    }, afterMs).unref();
  }

  private async pass(signal?: AbortSignal): Promise<ScenarioForgotten[]> {
    const scenarios = await this.scenarios();
    const { connections } = this.deps;
    const clock = await connections.control((on) => readClock(connections.database, on));
    const results: ScenarioForgotten[] = [];
    const failures: unknown[] = [];
    for (const scenario of scenarios) {
      if (signal?.aborted) break;
      if (signal && this.wasJustForgotten(scenario, clock)) continue;
      try {
        results.push(await this.passOver(await this.ask(scenario, scenarios), signal));
      } catch (error) {
        // One that can't be forgotten keeps no other from it.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return results;
  }

  /** The very time that a scenario is forgotten by is looked at: the one before it may have taken long. */
  private async ask(scenario: ScenarioRow, all: readonly ScenarioRow[]): Promise<Inquiry | Unanswered> {
    const inquired = await inquire(this.deps, scenario, this.deps.retention.slackMs);
    if ('reason' in inquired) return inquired;
    const error = this.clockJumped(inquired.askedAt, all) ?? this.brokersClockJumped(inquired);
    return error === undefined ? inquired : { scenario, reason: 'clock-jumped', error };
  }

  private async passOver(inquired: Inquiry | Unanswered, signal?: AbortSignal): Promise<ScenarioForgotten> {
    const { name } = inquired.scenario;
    if ('reason' in inquired) {
      this.tellHeld(inquired);
      return { scenario: name, forgotten: 0, heldBackBy: inquired.error };
    }
    this.tellResumed(name);
    const retentionMs = this.retentionOf(inquired.scenario);
    const forgotten = await forgetScenario(this.deps.connections, inquired, retentionMs, signal);
    if (forgotten > 0) {
      this.deps.events.emit({ type: 'forgotten', what: 'dedup-rows', count: forgotten, scenario: name });
    }
    return { scenario: name, forgotten, heldBackBy: undefined };
  }

  private scenarios(): Promise<ScenarioRow[]> {
    const { connections } = this.deps;
    return connections.control((on) => listScenarios(connections.database, on));
  }

  /**
   * A mark is never ahead of the clock by which it was set. And who starts when the clock has jumped already has nothing to
   * compare it with but the clock of its own machine.
   */
  private clockJumped(clock: number, scenarios: readonly ScenarioRow[]): string | undefined {
    const latest = Math.max(0, ...scenarios.map(({ mark }) => mark ?? 0));
    const aheadMs = clock / 1000 - Date.now();
    const jump =
      this.watch.jumpAt(clock, latest) ?? (aheadMs > this.deps.retention.slackMs ? aheadMs : undefined);
    return jump === undefined
      ? undefined
      : `this database's clock is off by ${Math.round(jump / 1000)} s; until it is right, or this process starts anew, nobody knows how old anything is`;
  }

  /** While it is ahead, marks would be set that a whole backlog seems too old for as soon as it is right again. */
  private brokersClockJumped({ sources }: Inquiry): string | undefined {
    for (const { answer } of sources) {
      const jump = this.brokersWatch.jumpAt(answer.now);
      if (jump === undefined) continue;
      return `the broker's clock is off by ${Math.round(jump / 1000)} s; until it is right, or this process starts anew, nobody knows how old what it has is`;
    }
    return undefined;
  }

  /** By another process: a broker need not look through all that is unfinished once for each of many. */
  private wasJustForgotten({ mark }: ScenarioRow, clock: number): boolean {
    const { intervalMs, retention } = this.deps;
    const at = clock - retention.slackMs * 1000;
    return mark !== undefined && mark <= at && mark > at - (intervalMs / 2) * 1000;
  }

  /** Not less than what any other process has been set to. */
  private retentionOf({ name, kind, retentionMs = 0 }: ScenarioRow): number {
    const { retention } = this.deps;
    if (retention.asNoted && retentionMs > 0) return retentionMs;
    return Math.max(retentionMs, ownRetention(retention, name, kind));
  }

  private tellHeld({ scenario, reason, error }: Unanswered): void {
    if (this.held.get(scenario.name) === reason) return;
    this.held.set(scenario.name, reason);
    this.deps.events.emit({ type: 'forgetting-held', scenario: scenario.name, reason, error });
  }

  private tellResumed(scenario: string): void {
    if (!this.held.delete(scenario)) return;
    this.deps.events.emit({ type: 'forgetting-resumed', scenario });
  }
}
