import type { Dropping } from './drop.js';
import type { Subscriptions } from './subscriptions.js';
import type { Unrouted } from './unrouted.js';

/** Does again, every so often, what a process that died may have left undone. Any number of them may run. */
export class Sweeper {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = true;

  constructor(
    private readonly dropping: Dropping,
    private readonly unrouted: Unrouted,
    private readonly subscriptions: Subscriptions,
    private readonly options: { intervalMs: number; onError: (error: unknown) => void },
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** One walk over everything, as long as it is wanted. */
  async sweep(isWanted = () => true): Promise<void> {
    await this.subscriptions.sweep();
    for (const seq of await this.unrouted.sweep()) this.dropping.note(seq);
    let after: number | undefined = 0;
    while (after !== undefined && isWanted()) after = await this.dropping.sweep(after);
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.running = this.sweep(() => !this.stopped)
        .catch((error: unknown) => this.options.onError(error))
        .finally(() => {
          if (!this.stopped) this.schedule();
        });
    }, this.options.intervalMs).unref();
  }
}
