import { StatementTimeoutError } from '../../errors/index.js';

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
      reject(new StatementTimeoutError(`${what} took longer than ${ms} ms; its connection was destroyed.`));
    }, ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
    // The loser of the race still settles; nobody else would catch it.
    work.catch(() => undefined);
  }
}
