import { AckTimeoutError } from '../errors/index.js';

export interface Patience {
  /** Milliseconds. */
  ms: number;
  /** Ends the wait at once: the process shuts down. */
  signal: AbortSignal;
}

/**
 * Waits for a broker's answer no longer than that. What comes later changes nothing: the same is asked or sent again, and
 * a repeat is absorbed.
 *
 * @param what is waited for, for the error: `No ${what} from the broker …`
 * @throws AckTimeoutError
 */
export async function answerWithin<T>(
  what: string,
  answering: Promise<T>,
  { ms, signal }: Patience,
): Promise<T> {
  // A transport of somebody's own may answer at once, or with a promise of its own making.
  const answer = Promise.resolve(answering);
  let giveUp!: () => void;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AckTimeoutError(`No ${what} from the broker within ${ms} ms (relay.ackTimeoutMs).`)),
      ms,
    );
    giveUp = () => reject(new AckTimeoutError(`No ${what} from the broker before the process shut down.`));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    // The loser of the race still settles; nobody else would catch it.
    answer.catch(() => undefined);
  }
}
