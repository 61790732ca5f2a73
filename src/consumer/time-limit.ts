import { DeliveryTimeoutError } from '../errors/index.js';
import { passOn } from '../storage/index.js';
import type { Stoppable } from './stoppable.js';

/** What it means that the time was up. */
export const ROLLED_BACK = 'what it had in its transaction was rolled back';
export const COMES_AGAIN = 'its delivery comes again, whatever it has done';

/**
 * Waits for a handler no longer than it may take, and no longer than it is told to stop: one that never returns must not
 * hold its delivery, or the shutdown, for ever.
 */
export async function withinTimeLimit<T>(
  work: Promise<T>,
  running: Stoppable,
  { name, timeoutMs, consequence }: { name: string; timeoutMs: number; consequence: string },
): Promise<T> {
  const timer = setTimeout(() => {
    const error = new DeliveryTimeoutError(
      `${name} took longer than ${timeoutMs} ms (option timeoutMs). Its signal was aborted, and ${consequence}.`,
    );
    running.abort('timeout', error);
    running.abandon?.(error);
  }, timeoutMs);
  try {
    return await untilAbandoned(work, running);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits no longer than until somebody gets its transaction out of the way. */
export function untilAbandoned<T>(work: Promise<T>, running: Stoppable): Promise<T> {
  return new Promise((resolve, reject) => {
    const { abandon } = running;
    const abandonWork = (cause: Error) => {
      abandon?.(cause);
      over();
      reject(cause);
    };
    const over = () => {
      // What comes after work that was abandoned has one of its own.
      if (running.abandon === abandonWork) running.abandon = undefined;
    };
    running.abandon = abandonWork;
    passOn(work, over, { resolve, reject });
  });
}
