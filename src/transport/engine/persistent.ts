import { setTimeout as pause } from 'node:timers/promises';
import { retryDelay } from './retry-delay.js';

const RETRY = { first: 50, most: 5_000 };
/** What fails so often in a row is told, once; what fails once or twice, as a connection breaks, is not. */
const TOLD_AT = 3;

/** Does something that goes on until it is lost, and begins again, until it is stopped. */
export class Persistent {
  private readonly stopped = new AbortController();
  private readonly running: Promise<void>;

  /**
   * @param untilLost resolves or rejects when it has to begin again; calls `begun` when it goes well
   * @param tell why it does not go well. @returns whether that was worth telling
   */
  constructor(
    private readonly untilLost: (begun: () => void) => Promise<void>,
    private readonly tell: (error: unknown) => boolean,
  ) {
    this.running = this.run();
  }

  get signal(): AbortSignal {
    return this.stopped.signal;
  }

  /** No more beginnings. What goes on has to be ended by who calls; then `ended` resolves. */
  stop(): void {
    this.stopped.abort();
  }

  get ended(): Promise<void> {
    return this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped;
    // Its parts are not there before the constructor that makes it has returned.
    await Promise.resolve();
    let failures = 0;
    let isTold = false;
    const begun = () => {
      failures = 0;
      isTold = false;
    };
    while (!signal.aborted) {
      try {
        await this.untilLost(begun);
      } catch (error) {
        if (!signal.aborted && !isTold && failures >= TOLD_AT - 1) isTold = this.tell(error);
      }
      await pause(retryDelay(RETRY, failures++), undefined, { signal }).catch(() => undefined);
    }
  }
}
