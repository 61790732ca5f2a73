import { AckTimeoutError } from '../errors/index.js';

/**
 * Waits for an ACK no longer than `ms`, and no longer than until the signal aborts. What comes later changes nothing: the
 * same is sent again, and absorbed.
 */
export async function ackOf<T>(sending: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  let giveUp!: () => void;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AckTimeoutError(`No ACK from the broker within ${ms} ms.`)), ms);
    giveUp = () => reject(new AckTimeoutError('No ACK from the broker before the process shut down.'));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp);
  });
  try {
    return await Promise.race([sending, late]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    // The loser of the race still settles; nobody else would catch it.
    sending.catch(() => undefined);
  }
}
