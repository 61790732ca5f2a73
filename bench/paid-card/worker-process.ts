import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Answer, Calls, Notice, OpenCall, Request, Times } from './worker-calls.js';

const PROGRAM = join(import.meta.dirname, 'worker.mjs');
// Hundreds of processes come up in a run, each to do its part and go.
const ENVIRONMENT = { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, 'compiled') };
/** A folder for what each worker spent its time on: of use to find out why, and no run to measure by. */
const PROFILES = process.env.BENCH_PROFILES;
const SILENT_FOR_MS = 60_000;

/** A worker as the bench sees it. */
export class WorkerProcess {
  /** Effects since it opened, as it has last said. */
  effectsSeen = 0;
  holding = 0;
  private readonly child: ChildProcess;
  private readonly open = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: Error) => void }
  >();
  private asked = 0;
  private changed: () => void = () => undefined;
  private dead: Error | undefined;

  private constructor() {
    this.child = fork(PROGRAM, {
      env: ENVIRONMENT,
      execArgv: PROFILES === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.child.on('message', (message) => this.hear(message as Answer | Notice));
    this.child.on('exit', (code) => this.die(new Error(`a worker ended by itself (exit status ${code})`)));
  }

  static async start(call: OpenCall): Promise<WorkerProcess> {
    const worker = new WorkerProcess();
    try {
      await worker.ask('open', call);
      return worker;
    } catch (error) {
      worker.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.child.pid!;
  }

  pay(call: Parameters<Calls['pay']>[0]): ReturnType<Calls['pay']> {
    return this.ask('pay', call);
  }

  payEvenly(call: Parameters<Calls['payEvenly']>[0]): Promise<Times> {
    return this.ask('payEvenly', call);
  }

  go(): Promise<void> {
    return this.ask('go');
  }

  effects(): Promise<Times> {
    return this.ask('effects');
  }

  /** Until something that it says changes. @throws Error when it says nothing for a minute */
  async news(): Promise<void> {
    if (this.dead) throw this.dead;
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(new Error(`nothing happened for ${SILENT_FOR_MS / 1000} s, at ${this.effectsSeen} effects`)),
        SILENT_FOR_MS,
      );
    });
    const change = new Promise<void>((resolve) => (this.changed = resolve));
    await Promise.race([change, silence]).finally(() => clearTimeout(timer));
    if (this.dead) throw this.dead;
  }

  async close(): Promise<void> {
    try {
      await this.ask('close');
      this.child.removeAllListeners('exit');
      const exited = once(this.child, 'exit');
      // It ends by itself then, so that a profiler can write what it has seen.
      this.child.disconnect();
      await exited;
    } catch (error) {
      this.kill();
      throw error;
    }
  }

  kill(): void {
    this.child.removeAllListeners('exit');
    this.child.kill('SIGKILL');
  }

  private ask<T>(call: keyof Calls, argument?: unknown): Promise<T> {
    if (this.dead) return Promise.reject(this.dead);
    const request: Request = { id: ++this.asked, call, argument };
    return new Promise<T>((resolve, reject) => {
      this.open.set(request.id, { resolve, reject });
      this.child.send(request);
    });
  }

  private hear(message: Answer | Notice): void {
    if ('id' in message) {
      const { resolve, reject } = this.open.get(message.id)!;
      this.open.delete(message.id);
      if (message.error === undefined) resolve(message.result as never);
      else reject(new Error(message.error));
      return;
    }
    if ('holding' in message) this.holding = message.holding;
    else this.effectsSeen = message.effects;
    this.changed();
  }

  private die(error: Error): void {
    this.dead = error;
    for (const { reject } of this.open.values()) reject(error);
    this.open.clear();
    this.changed();
  }
}
