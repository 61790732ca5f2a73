import { DeliveryTimeoutError } from '../errors/index.js';
import type { HeldDelivery } from './held-delivery.js';

/**
 * Waits for a handler no longer than it may take, and no longer than it is told to stop: one that never returns must not
 * hold its delivery, or the shutdown, for ever.
 */
export async function withinTimeLimit<T>(
  work: Promise<T>,
  held: HeldDelivery,
  { name, timeoutMs }: { name: string; timeoutMs: number },
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stopped = new Promise<never>((_, reject) => {
    const abandon = held.abandon;
    held.abandon = (cause) => {
      abandon?.(cause);
      reject(cause);
    };
    timer = setTimeout(() => {
      const error = new DeliveryTimeoutError(
        `${name} took longer than ${timeoutMs} ms (option timeoutMs). Its signal was aborted, and what it had in a transaction of the delivery was rolled back.`,
      );
      held.abort('timeout', error);
      held.abandon?.(error);
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    clearTimeout(timer);
    held.abandon = undefined;
    work.catch(() => undefined);
  }
}
