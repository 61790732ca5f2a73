import { StatementTimeoutError } from '../../errors/index.js';

/** Waits no longer than until the signal aborts, and then throws its reason. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    // The loser of the race still settles; nobody else would catch it.
    work.catch(() => undefined);
  }
}

/**
 * Waits no longer than `ms` for the work. A COMMIT whose answer was swallowed by the network would otherwise hang for
 * ever; `onTimeout` must make sure that nothing of the work can still arrive.
 */
export async function withDeadline<T>(
  work: Promise<T>,
  ms: number,
  what: string,
  onTimeout: () => void,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onTimeout();
      reject(new StatementTimeoutError(`${what} took longer than ${ms} ms, and was given up.`));
    }, ms);
    // The connection keeps the process alive. Where that is gone, nothing of the work is left to wait for.
    timer.unref();
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
    // The loser of the race still settles; nobody else would catch it.
    work.catch(() => undefined);
  }
}
