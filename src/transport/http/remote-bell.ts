import { setTimeout as pause } from 'node:timers/promises';
import type { Subscription } from '../port.js';
import type { HttpRequests } from './http-requests.js';

type Listener = (keyed: boolean) => void;

/** How long one wait lasts at most, in milliseconds: proxies end what is silent for longer. */
const WAIT_MS = 25_000;
const MARGIN_MS = 5_000;
const AFTER_ERROR_MS = 1_000;

/**
 * Rings when messages have landed at the broker: one request of the process waits there for all of its subscriptions. A
 * hint; workers poll all the same.
 */
export class RemoteBell {
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly subscriptions = new Map<number, string>();
  private cursor: number | undefined;
  private waiting: AbortController | undefined;
  private loop: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly requests: Pick<HttpRequests, 'ask'>) {}

  know({ id, topic }: Subscription): void {
    this.subscriptions.set(id, topic);
    this.restart();
  }

  /** @returns how to stop listening */
  listen(topic: string, listener: Listener): () => void {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners.add(listener));
    this.restart();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listeners.delete(topic);
      if (this.listeners.size === 0) this.waiting?.abort();
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    this.waiting?.abort();
    await this.loop;
  }

  /** The wait that is under way does not know of it. */
  private restart(): void {
    this.waiting?.abort();
    this.loop ??= this.run().finally(() => {
      this.loop = undefined;
      // Something may have come while it ended.
      if (!this.closed && this.heard.length > 0) this.restart();
    });
  }

  private get heard(): number[] {
    return [...this.subscriptions].flatMap(([id, topic]) => (this.listeners.has(topic) ? [id] : []));
  }

  private async run(): Promise<void> {
    // Consumers subscribe one after the other: one wait for all of them.
    await Promise.resolve();
    while (!this.closed && this.heard.length > 0) {
      const waiting = (this.waiting = new AbortController());
      try {
        await this.wait(this.heard, waiting.signal);
      } catch {
        if (!waiting.signal.aborted) await pause(AFTER_ERROR_MS, undefined, { ref: false });
      }
    }
  }

  private async wait(subscriptions: number[], signal: AbortSignal): Promise<void> {
    const { cursor } = this;
    const answer = await this.requests.ask(
      'wait',
      { subscriptions, cursor, waitMs: WAIT_MS },
      { within: WAIT_MS + MARGIN_MS, signal },
    );
    this.cursor = answer.cursor;
    for (const { subscription, keyed } of answer.landed) {
      const topic = this.subscriptions.get(subscription);
      if (topic !== undefined) this.listeners.get(topic)?.forEach((listener) => listener(keyed));
    }
  }
}
