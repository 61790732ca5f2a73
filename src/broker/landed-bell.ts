/** Wakes the workers of this process when messages of their topic have landed. A hint: it may be lost. */
export class LandedBell {
  private readonly listeners = new Map<string, Set<() => void>>();

  /** @returns how to stop listening */
  listen(topic: string, listener: () => void): () => void {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  ring(topics: Iterable<string>): void {
    for (const topic of new Set(topics)) this.listeners.get(topic)?.forEach((listener) => listener());
  }

  close(): void {
    this.listeners.clear();
  }
}
