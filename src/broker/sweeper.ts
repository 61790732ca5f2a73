import { setTimeout as pause } from 'node:timers/promises';
import type { Dropping } from './drop.js';
import type { Expiring } from './expiring.js';
import type { ForgettingAccepted } from './forget-accepted.js';
import type { RepeatableClaims } from './repeatable-claims.js';
import type { Subscriptions } from './subscriptions.js';
import type { Unrouted } from './unrouted.js';

/** Between two batches of the walk over all messages, in milliseconds: every process does it, and nobody waits for it. */
const BREATH_MS = 20;

/** Does again, every so often, what a process that died may have left undone. Any number of them may run. */
export class Sweeper {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  /** Aborted when it is to stop; undefined before it was started. */
  private wanted: AbortController | undefined;

  constructor(
    private readonly dropping: Dropping,
    private readonly unrouted: Unrouted,
    private readonly subscriptions: Subscriptions,
    private readonly forgetting: ForgettingAccepted,
    private readonly expiring: Expiring,
    private readonly claims: Pick<RepeatableClaims, 'sweep'>,
    private readonly options: { intervalMs: number; onError: (error: unknown) => void },
  ) {}

  start(): void {
    if (this.wanted && !this.wanted.signal.aborted) return;
    this.wanted = new AbortController();
    this.schedule(this.wanted.signal);
  }

  async stop(): Promise<void> {
    this.wanted?.abort();
    clearTimeout(this.timer);
    await this.running;
  }

  /**
   * One walk over everything, at leisure as long as the signal is not aborted; without one at full speed. A part that fails
   * keeps no other from its work.
   *
   * @throws the first error of any part, when all have had their turn
   */
  async sweep(signal?: AbortSignal): Promise<void> {
    const parts = [
      () => this.subscriptions.sweep(),
      () => this.forgetting.sweep(signal),
      () => this.noteForDropping(this.expiring.sweep(signal)),
      () => this.noteForDropping(this.unrouted.sweep()),
      () => this.claims.sweep(signal),
      () => this.dropUnneeded(signal),
    ];
    const failures: unknown[] = [];
    for (const part of parts) {
      await part().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  private async noteForDropping(messages: Promise<Iterable<number>>): Promise<void> {
    for (const seq of await messages) this.dropping.note(seq);
  }

  private async dropUnneeded(signal?: AbortSignal): Promise<void> {
    let after: number | undefined = 0;
    while (after !== undefined && !signal?.aborted) {
      after = await this.dropping.sweep(after);
      if (signal) await pause(BREATH_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  private schedule(signal: AbortSignal): void {
    this.timer = setTimeout(() => {
      this.running = this.sweep(signal)
        .catch((error: unknown) => this.options.onError(error))
        .finally(() => {
          if (!signal.aborted) this.schedule(signal);
        });
    }, this.options.intervalMs).unref();
  }
}
