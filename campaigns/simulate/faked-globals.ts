import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import type { Happening } from './agenda.js';
import { Simulation } from './simulation.js';

/** The simulation begins then, by every clock that is right. */
export const BEGAN_AT = Date.UTC(2026, 0, 1);

const real = {
  setTimeout,
  setInterval,
  setImmediate,
  clearTimeout,
  clearInterval,
  clearImmediate,
  Date,
  random: Math.random.bind(Math),
  now: performance.now.bind(performance),
  randomBytes: crypto.randomBytes,
  pause: timersPromises.setTimeout,
  turn: timersPromises.setImmediate,
};

/** What the library keeps once for each process: here each actor is one. */
const OF_A_PROCESS = ['nestjs-idempotent-mq.isolation-gate', 'nestjs-idempotent-mq.inner-msg-ids'];
const MAX_JITTER_MS = 1;

/** What stands in place of a timer of Node's. */
class SimulatedTimer {
  happening: Happening | undefined;
  isOver = false;

  clear(): void {
    this.isOver = true;
    if (this.happening) this.happening.cancelled = true;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

/**
 * From here on timers, clocks and chance are those of the simulation that runs, where one does: also those that modules
 * have imported already.
 */
export function fakeGlobals(): void {
  Object.assign(globalThis, {
    setTimeout: (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
      Simulation.current ? once('timer', ms, () => run(...args)) : real.setTimeout(run, ms, ...args),
    setInterval: (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
      Simulation.current ? again(ms, () => run(...args)) : real.setInterval(run, ms, ...args),
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) =>
      Simulation.current ? once('turn', 0, () => run(...args)) : real.setImmediate(run, ...args),
    clearTimeout: (timer: never) => clear(timer, real.clearTimeout),
    clearInterval: (timer: never) => clear(timer, real.clearInterval),
    clearImmediate: (timer: never) => clear(timer, real.clearImmediate),
    Date: SimulatedDate,
  });
  Math.random = () => Simulation.current?.chance.next() ?? real.random();
  Object.defineProperty(performance, 'now', {
    value: () => Simulation.current?.now ?? real.now(),
    configurable: true,
  });
  Object.assign(crypto, { randomBytes });
  Object.assign(timersPromises, { setTimeout: pause, setImmediate: turn });
  syncBuiltinESMExports();
  for (const name of OF_A_PROCESS) keepForEachActor(Symbol.for(name));
}

class SimulatedDate extends real.Date {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return (
      value !== null && typeof value === 'object' && Object.prototype.toString.call(value) === '[object Date]'
    );
  }

  static override now(): number {
    const { current } = Simulation;
    return current
      ? Math.floor(BEGAN_AT + current.now + (current.actor?.clockAheadMs ?? 0))
      : real.Date.now();
  }

  constructor(...args: unknown[]) {
    super(...((args.length > 0 ? args : [SimulatedDate.now()]) as [number]));
  }
}

function once(label: string, ms: number, run: () => void): SimulatedTimer {
  const simulation = Simulation.current!;
  const timer = new SimulatedTimer();
  const jitter = simulation.chance.between(0, MAX_JITTER_MS);
  const least = label === 'timer' ? 1 : 0;
  timer.happening = simulation.plan(Math.max(least, ms) + jitter, label, () => {
    timer.isOver = true;
    run();
  });
  return timer;
}

function again(ms: number, run: () => void): SimulatedTimer {
  const timer = new SimulatedTimer();
  const next = () => {
    timer.happening = once('timer', ms, () => {
      if (timer.isOver) return;
      next();
      run();
    }).happening;
  };
  next();
  return timer;
}

function clear(timer: unknown, otherwise: (timer: never) => void): void {
  if (timer instanceof SimulatedTimer) timer.clear();
  else otherwise(timer as never);
}

async function pause<T>(ms = 1, value?: T, options: { signal?: AbortSignal } = {}): Promise<T> {
  if (!Simulation.current) return real.pause(ms, value, options);
  const { signal } = options;
  signal?.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    const timer = once('timer', ms, () => {
      signal?.removeEventListener('abort', aborted);
      resolve(value as T);
    });
    const aborted = () => {
      timer.clear();
      reject(signal!.reason);
    };
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

async function turn<T>(value?: T): Promise<T> {
  if (!Simulation.current) return real.turn(value);
  return new Promise<T>((resolve) => once('turn', 0, () => resolve(value as T)));
}

function randomBytes(size: number): Buffer {
  const { current } = Simulation;
  if (!current) return real.randomBytes(size);
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = Math.floor(current.bytes.next() * 256);
  return bytes;
}

function keepForEachActor(key: symbol): void {
  let outside: unknown;
  Object.defineProperty(globalThis, key, {
    configurable: true,
    get: () => {
      const { current } = Simulation;
      return current ? current.running.globals.get(key) : outside;
    },
    set: (value: unknown) => {
      const { current } = Simulation;
      if (current) current.running.globals.set(key, value);
      else outside = value;
    },
  });
}
