import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CampaignDatabase } from '../databases/create.js';
import type { Pair } from '../databases/pair.js';
import type { Line } from '../processes/history.js';
import type { Death, Listening, Role, Said, Task, Told } from '../processes/task.js';
import type { CommitFaults } from '../proxy/commit-faults.js';
import { CommitSight } from '../proxy/commit-sight.js';
import type { DedupMeetings } from '../proxy/dedup-meetings.js';
import { type Address, Way } from '../proxy/way.js';
import type { WireFaults } from '../proxy/wire-faults.js';
import type { CampaignName } from '../variants/variant.js';
import { wroteOfDeath } from './wrote-of-death.js';

export interface Surroundings {
  campaign: CampaignName;
  pair: Pair;
  /** The file that each process runs. */
  program: string;
  /** Where histories go. */
  folder: string;
  seed: string;
  variant: string | undefined;
  perTransaction: number | undefined;
  faults: CommitFaults | undefined;
  /** Who counts how copies of one biz-id meet. */
  meetings: DedupMeetings | undefined;
  /** What befalls requests to the broker service. */
  wire: WireFaults | undefined;
  /** Where the broker service is to be had, and by name where each of its instances listens. */
  service: { url: string; ports: Map<string, number> } | undefined;
  /** A history of those who see the processes from outside. */
  write: (line: Line) => void;
  /** A process ended, and nobody had killed it. */
  onAccident: (what: string) => void;
}

/** Longest time for a process to start or to do what it was told, in milliseconds: a machine may be very busy. */
const PATIENCE_MS = 240_000;
/** Longest time to shut down, in milliseconds: the library's own limit is 10 s. */
const SHUTDOWN_MS = 60_000;

/** The place of one process: whoever fills it goes the same ways to the databases. */
export class Slot {
  private child: ChildProcess | undefined;
  private generation = 0;
  /** Of the child: whoever waits for its end knows how it comes to it. */
  private isToEnd = false;
  private hasDied: Promise<boolean> = Promise.resolve(false);
  private frozen: ChildProcess | undefined;
  private troubles = '';
  private isReady: Promise<boolean> = Promise.resolve(false);
  /** The process that is here works. */
  isUp = false;
  /** The shortest time that a start has taken so far, in milliseconds. */
  startsWithinMs = Infinity;

  private constructor(
    readonly role: Role,
    readonly name: string,
    private readonly around: Surroundings,
    /** None on SQLite, which is reached by no wire. */
    readonly ways: readonly Way[],
    /** Of COMMITs on these ways. */
    readonly sight: CommitSight,
  ) {}

  static async open(role: Role, name: string, around: Surroundings): Promise<Slot> {
    const { business, broker } = around.pair;
    const sight = new CommitSight(around.faults);
    const open = async ({ engine, options }: CampaignDatabase) =>
      engine === 'sqlite'
        ? undefined
        : await Way.open(engine, options as Address, {
            sight,
            meetings: around.meetings,
          });
    const ways = [await open(business)];
    if (broker !== business) ways.push(await open(broker));
    return new Slot(
      role,
      name,
      around,
      ways.filter((way) => way !== undefined),
      sight,
    );
  }

  /** Starts the next process here. It may not be ready yet. */
  start(death?: Death): void {
    const { campaign, pair, folder, seed, variant, perTransaction, program, service } = this.around;
    const name = `${this.name}.${++this.generation}`;
    const [toBusiness, toBroker = toBusiness] = this.ways;
    const reached = (database: CampaignDatabase, way: Way | undefined) =>
      way ? database.at(way.port) : database.options;
    const task: Task = {
      campaign,
      role: this.role,
      name,
      seed: `${seed}/${name}`,
      shape: pair.shape,
      business: reached(pair.business, toBusiness),
      broker: pair.shape === 1 ? undefined : reached(pair.broker, toBroker),
      url: service?.url,
      variant,
      perTransaction,
      history: join(folder, `${name}.jsonl`),
      death,
    };
    this.isToEnd = false;
    this.troubles = '';
    const began = performance.now();
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, CAMPAIGN_TASK: JSON.stringify(task) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    child.stderr?.on('data', (text) => (this.troubles = (this.troubles + text).slice(-4_000)));
    child.on('message', (said: Said) => {
      if (typeof said === 'object') service?.ports.set(this.name, said.port);
    });
    const ended = (code: number | null, signal: string | null): boolean => {
      if (this.child === child) service?.ports.delete(this.name);
      this.around.write({ gone: name });
      if (this.child !== child) return false;
      Object.assign(this, { child: undefined, isUp: false });
      if (this.isToEnd) return false;
      if (death && signal === 'SIGKILL' && wroteOfDeath(task.history, death)) return true;
      this.around.onAccident(`${name} ended by itself (${signal ?? `status ${code}`}): ${this.troubles}`);
      return false;
    };
    this.hasDied = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve(ended(code, signal)));
    });
    this.child = child;
    this.isUp = false;
    this.isReady = this.hears('ready').then((said) => {
      if (said) this.startsWithinMs = Math.min(this.startsWithinMs, performance.now() - began);
      if (this.child === child) this.isUp = said;
      return said;
    });
    this.isReady.catch(() => undefined);
  }

  /** Resolves when the process that is here works; false when it ended before that. */
  ready(): Promise<boolean> {
    return this.isReady;
  }

  tell(told: Told): void {
    this.child?.send(told, () => undefined);
  }

  /** @returns false when it ended before it said so */
  async hears(wanted: Exclude<Said, Listening>): Promise<boolean> {
    const child = this.child;
    if (!child) return false;
    return new Promise((resolve, reject) => {
      const tooLong = setTimeout(() => {
        reject(new Error(`${this.name} did not say '${wanted}' within ${PATIENCE_MS} ms: ${this.troubles}`));
      }, PATIENCE_MS);
      const settle = (said: boolean) => {
        clearTimeout(tooLong);
        child.off('message', onMessage);
        resolve(said);
      };
      const onMessage = (said: Said) => {
        if (said === wanted) settle(true);
      };
      child.on('message', onMessage);
      child.once('close', () => settle(false));
    });
  }

  /** Resolves when the process has ended: whether it has died as it was told to at its start. */
  died(): Promise<boolean> {
    return this.hasDied;
  }

  /**
   * It stands still, and nobody hears of it. One that is about to start would find its time up when it goes on, and end.
   *
   * @returns false when there was no process that works
   */
  freeze(): boolean {
    this.frozen = this.isUp && this.child?.kill('SIGSTOP') ? this.child : undefined;
    return this.frozen !== undefined;
  }

  /** It goes on as if nothing had been. @returns false when it was killed meanwhile */
  thaw(): boolean {
    return this.frozen !== undefined && this.frozen === this.child && this.frozen.kill('SIGCONT');
  }

  /** kill -9. @returns false when there was no process */
  async kill(): Promise<boolean> {
    const child = this.child;
    if (!child) return false;
    this.isToEnd = true;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    return true;
  }

  /** As an app is shut down: what it is at comes to its end, or is given back. One that fails to is an accident, and killed. */
  async shutDown(): Promise<void> {
    if (!(await this.ready()) || !this.child) return;
    this.isToEnd = true;
    const closed = once(this.child, 'close') as Promise<[status: number | null]>;
    this.tell('shut-down');
    const [status] = await Promise.race([closed, pause(SHUTDOWN_MS, [undefined], { ref: false })]);
    if (status === 0) return;
    const how = status === undefined ? `was there after ${SHUTDOWN_MS / 1_000} s` : `ended with ${status}`;
    this.around.onAccident(`${this.name} was told to shut down, and ${how}: ${this.troubles}`);
    await this.kill();
  }

  async close(): Promise<void> {
    await this.kill();
    for (const way of this.ways) way.close();
  }
}
