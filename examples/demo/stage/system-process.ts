import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Subject } from 'rxjs';
import { type Orders, environmentWith } from './orders.js';
import type { Said, StageEvent } from './reporter.js';

/** They must not outlive the demo, however it ends. A stopped process dies of SIGKILL too. */
const alive = new Set<ChildProcess>();
process.on('exit', killAll);

function killAll(): void {
  for (const child of alive) child.kill('SIGKILL');
}

/** Resolves when none of them works on the database any more. */
export async function endAllSystems(): Promise<void> {
  const ends = [...alive].map((child) => once(child, 'close'));
  killAll();
  await Promise.all(ends);
}

/** To the payment system: the first payment may come; the last ones need not wait for accidents any more. */
export type Cue = 'open' | 'no more lull';

/** A system of the demo: a Nest application in a process of its own. */
export class SystemProcess {
  /** What it says about itself. */
  readonly events$ = new Subject<{ event: StageEvent; at: number }>();
  readonly ready: Promise<void>;
  isReady = false;
  /** With an exit status or a signal: "0", "SIGKILL". */
  readonly ended: Promise<string>;
  endedAs: string | undefined;
  private readonly child: ChildProcess;

  /**
   * @param name for people: "relay 2"
   * @param program what it runs, compiled
   * @param log a file descriptor for what it prints
   */
  constructor(
    readonly name: string,
    program: string,
    orders: Orders,
    log: number,
  ) {
    this.child = fork(program, {
      execArgv: [],
      env: environmentWith(orders),
      stdio: ['ignore', log, log, 'ipc'],
    });
    alive.add(this.child);
    // 'exit' may come before its last messages do.
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      alive.delete(this.child);
      return (this.endedAs = String(signal ?? code));
    });
    this.ready = new Promise((resolve, reject) => {
      this.child.on('message', (said: Said) => {
        if ('event' in said) return this.events$.next(said);
        this.isReady = true;
        resolve();
      });
      void this.ended.then((how) => reject(new Error(`${name} ended before it was ready (${how}).`)));
    });
    this.ready.catch(() => undefined);
  }

  cue(cue: Cue): void {
    // It may have died, which is told of elsewhere.
    if (this.child.connected) this.child.send(cue, () => undefined);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  async shutDown(): Promise<string> {
    this.child.kill('SIGTERM');
    return this.ended;
  }
}
