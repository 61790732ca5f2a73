import { RejectMessageError, RetryLaterError, describeError } from '../../errors/index.js';
import type { HeldDelivery } from '../held-delivery.js';

/** What the handler of a batch has said of single deliveries, each as the error that would say it of one alone. */
export class Verdicts {
  private readonly errors = new Map<HeldDelivery, unknown>();
  private isOver = false;

  /** @param onStray hears of what is said after the handler has ended, when it changes nothing any more */
  constructor(private readonly onStray: (error: Error) => void) {}

  /** The methods of one delivery. */
  of(held: HeldDelivery) {
    return {
      reject: (reason: string | Error) => this.say(held, rejection(reason)),
      retryLater: (options: { delayMs: number; reason?: string }) =>
        this.say(held, new RetryLaterError(options)),
      fail: (error: unknown) => this.say(held, error),
    };
  }

  get said(): ReadonlyMap<HeldDelivery, unknown> {
    return this.errors;
  }

  /** @throws what was said first: nothing of the batch may be committed */
  throwFirst(): void {
    for (const error of this.errors.values()) throw error;
  }

  /** The handler has ended. */
  close(): void {
    this.isOver = true;
  }

  private say(held: HeldDelivery, error: unknown): void {
    if (!this.isOver) return void this.errors.set(held, error);
    const late = `The handler of a batch said of ${held.bizId} that it has failed (${describeError(error)}) when it had ended: an await is missing.`;
    this.onStray(new Error(late, { cause: error }));
  }
}

function rejection(reason: string | Error): RejectMessageError {
  if (reason instanceof RejectMessageError) return reason;
  const cause = reason instanceof Error ? { cause: reason } : undefined;
  return new RejectMessageError(describeError(reason), cause);
}
