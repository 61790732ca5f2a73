/** Hears whether some of what has landed has an ordering key. */
export type LandedListener = (keyed: boolean) => void;

/** Wakes the workers of this process when messages of their topic have landed. A hint: it may be lost. */
export class LandedBell {
  private readonly listeners = new Map<string, Set<LandedListener>>();

  /** @returns how to stop listening */
  listen(topic: string, listener: LandedListener): () => void {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  ring(landed: readonly { topic: string; keyed: boolean }[]): void {
    const keyed = new Map<string, boolean>();
    for (const one of landed) keyed.set(one.topic, one.keyed || keyed.get(one.topic) === true);
    for (const [topic, some] of keyed) this.listeners.get(topic)?.forEach((listener) => listener(some));
  }

  close(): void {
    this.listeners.clear();
  }
}
