import { StatementTimeoutError } from '../../errors/index.js';

/** Waits no longer than until the signal aborts, and then throws its reason. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    const leave = () => signal.removeEventListener('abort', stop);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
    passOn(work, leave, { resolve, reject });
  });
}

/**
 * Waits no longer than `ms` for the work. A COMMIT whose answer was swallowed by the network would otherwise hang for
 * ever; `onTimeout` must make sure that nothing of the work can still arrive.
 */
export function withDeadline<T>(
  work: Promise<T>,
  ms: number,
  what: string,
  onTimeout: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      onTimeout();
      reject(new StatementTimeoutError(`${what} took longer than ${ms} ms, and was given up.`));
    }, ms);
    // The connection keeps the process alive. Where that is gone, nothing of the work is left to wait for.
    timer.unref();
    passOn(work, () => clearTimeout(timer), { resolve, reject });
  });
}

/**
 * Hands on the outcome of the work, to which nothing happens when nobody waits for it any more. By hand, as each statement
 * of the library comes through here: `Promise.race` within an async function costs several times as much.
 *
 * @param done called before the outcome is handed on
 */
export function passOn<T>(
  work: Promise<T>,
  done: () => void,
  { resolve, reject }: { resolve: (value: T) => void; reject: (error: unknown) => void },
): void {
  work.then(
    (value) => {
      done();
      resolve(value);
    },
    (error: unknown) => {
      done();
      reject(error);
    },
  );
}
