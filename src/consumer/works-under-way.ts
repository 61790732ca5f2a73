import { ScopeDoomedError } from '../errors/index.js';
import { Stoppable } from './stoppable.js';

/** The works of an executor, so that a shutdown waits for them, and not for ever. */
export class WorksUnderWay {
  private readonly works = new Map<Stoppable, Promise<unknown>>();
  private over: Error | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** @throws ScopeDoomedError when the shutdown has ended all works */
  async during<T>(work: (running: Stoppable) => Promise<T>): Promise<T> {
    if (this.over) throw this.over;
    const running = new Stoppable();
    const settled = work(running).finally(() => this.works.delete(running));
    this.works.set(running, settled);
    return settled;
  }

  /**
   * Tells those that run to stop, and waits for them; ends what still runs after `timeoutMs`. Until then others may
   * begin: the app's HTTP server answers the requests that it has.
   */
  async stop(timeoutMs: number): Promise<void> {
    const reason = shuttingDown();
    for (const running of this.works.keys()) running.abort('shutdown', reason);
    this.timer ??= setTimeout(() => this.endAll(), timeoutMs);
    await this.settled();
  }

  /** Ends what still runs, before the connections are closed, which would wait for it. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    this.endAll();
    await this.settled();
  }

  private endAll(): void {
    const reason = (this.over ??= shuttingDown());
    for (const running of this.works.keys()) {
      running.abort('shutdown', reason);
      running.abandon?.(reason);
    }
  }

  private async settled(): Promise<void> {
    await Promise.allSettled([...this.works.values()]);
  }
}

function shuttingDown(): ScopeDoomedError {
  return new ScopeDoomedError(
    'The process is shutting down. Nothing of the work is left: run it again elsewhere.',
  );
}
