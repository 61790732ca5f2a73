import { AckTimeoutError } from '../errors/index.js';

/** Waits for an ACK no longer than `ms`. What comes later changes nothing: the same is sent again, and absorbed. */
export async function withinMs<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AckTimeoutError(`No ACK from the broker within ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // The loser of the race still settles; nobody else would catch it.
    work.catch(() => undefined);
  }
}
