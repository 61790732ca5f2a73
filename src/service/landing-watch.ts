import { setTimeout as pause } from 'node:timers/promises';
import { PollPace } from '../waiting/index.js';

export interface LandedIn {
  topic: string;
  /** Whether any of them has an ordering key. */
  keyed: boolean;
}

interface Source {
  /** What has landed behind this number, in whichever process, and the number of the last message. */
  landedSince(after: number | undefined): Promise<{ last: number; topics: readonly LandedIn[] }>;
  /** Hears at once of what lands in this very process. */
  onLanded(topic: string, listener: (keyed: boolean) => void): () => void;
}

interface Waiter {
  topics: ReadonlySet<string>;
  found: Map<string, boolean>;
  wake: () => void;
}

/**
 * How often to look for what other instances have landed, while somebody waits, at the least; milliseconds. After a landing
 * it is looked every few, and then ever less often. One short read each time.
 */
const IDLE_MS = 200;
const AFTER_ERROR_MS = 500;
/** A look that is older than this is begun near the end. Milliseconds. */
const STALE_MS = 1_000;
/** How far back a cursor reaches: what landed before that is found by those who poll. */
const MOST = 10_000;

/**
 * Wakes whoever waits for messages of a topic, within milliseconds of their landing: at once where they landed in this
 * process, and by looking often where it was another instance. A hint, which may be lost: whoever waits looks now and then
 * all the same.
 */
export class LandingWatch {
  private readonly waiters = new Set<Waiter>();
  private readonly listening = new Map<string, () => void>();
  private readonly stopped = new AbortController();
  private last: number | undefined;
  private lookedAt = -Infinity;
  private readonly pace = new PollPace(IDLE_MS);
  private checking: Promise<void> | undefined;
  private looping: Promise<void> | undefined;

  constructor(private readonly source: Source) {}

  /** Where the next wait may begin, so that nothing is missed between two. */
  get cursor(): number {
    return this.last ?? 0;
  }

  /**
   * Waits until something has landed in one of the topics behind the cursor, or from now on; no longer than `ms`.
   *
   * @returns in which; empty when the time was over
   */
  async wait(
    topics: ReadonlySet<string>,
    { cursor, ms, signal }: { cursor?: number | undefined; ms: number; signal: AbortSignal },
  ): Promise<ReadonlyMap<string, boolean>> {
    const waiter: Waiter = { topics, found: new Map(), wake: () => undefined };
    const woken = new Promise<void>((resolve) => (waiter.wake = resolve));
    this.waiters.add(waiter);
    try {
      for (const topic of topics) this.listen(topic);
      if (cursor !== undefined) await this.catchUp(cursor);
      else if (this.last === undefined) await this.check();
      if (waiter.found.size > 0 || ms === 0 || signal.aborted || this.stopped.signal.aborted)
        return waiter.found;
      this.looping ??= this.loop().finally(() => (this.looping = undefined));
      const late = setTimeout(waiter.wake, ms);
      signal.addEventListener('abort', waiter.wake, { once: true });
      await woken;
      clearTimeout(late);
      signal.removeEventListener('abort', waiter.wake);
      return waiter.found;
    } finally {
      this.waiters.delete(waiter);
      if (this.waiters.size === 0) this.stopListening();
    }
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    this.stopListening();
    for (const { wake } of this.waiters) wake();
    await this.looping;
    await this.checking;
  }

  private stopListening(): void {
    for (const stopListening of this.listening.values()) stopListening();
    this.listening.clear();
  }

  private listen(topic: string): void {
    if (this.listening.has(topic) || this.stopped.signal.aborted) return;
    const onLanded = (keyed: boolean) => {
      // First the cursor goes on: else the next wait would be told of the same once more.
      void this.check().then(() => this.tell([{ topic, keyed }]));
    };
    this.listening.set(topic, this.source.onLanded(topic, onLanded));
  }

  /** What has landed since whoever waits was told last, here or by another instance. */
  private async catchUp(cursor: number): Promise<void> {
    if (this.last === undefined) await this.check();
    const known = this.last ?? 0;
    const after = Math.max(cursor, known - MOST);
    if (after >= known) return;
    const { last, topics } = await this.source.landedSince(after);
    this.last = Math.max(last, this.last ?? 0);
    this.tell(topics);
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopped;
    while (this.waiters.size > 0 && !signal.aborted) {
      const pauseMs = (await this.check()) ? this.pace.next() : AFTER_ERROR_MS;
      await pause(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One look, and no two at a time. @returns whether the database answered */
  private async check(): Promise<boolean> {
    let answered = true;
    this.checking ??= this.look()
      .catch(() => {
        answered = false;
      })
      .finally(() => (this.checking = undefined));
    await this.checking;
    return answered;
  }

  private async look(): Promise<void> {
    const { last, topics } = await this.source.landedSince(await this.lookFrom());
    this.last = Math.max(last, this.last ?? 0);
    this.lookedAt = performance.now();
    if (topics.length === 0) return;
    this.pace.foundUnasked();
    this.tell(topics);
  }

  /** After a long time without a waiter, or with a database that was away, there may be millions behind the last look. */
  private async lookFrom(): Promise<number | undefined> {
    if (this.last === undefined || performance.now() - this.lookedAt < STALE_MS) return this.last;
    const { last } = await this.source.landedSince(undefined);
    return Math.max(this.last, last - MOST);
  }

  private tell(landed: readonly LandedIn[]): void {
    for (const waiter of this.waiters) {
      for (const { topic, keyed } of landed) {
        if (waiter.topics.has(topic)) waiter.found.set(topic, keyed || waiter.found.get(topic) === true);
      }
      if (waiter.found.size > 0) waiter.wake();
    }
  }
}
