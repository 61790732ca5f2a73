/** Hears whether some of what has landed has an ordering key. */
export type LandedListener = (keyed: boolean) => void;

/** What has landed: each topic, and whether some of it has an ordering key. */
export type Landings = ReadonlyMap<string, boolean>;

/** Where the database itself tells the other processes. */
export interface OtherProcesses {
  tell(landings: Landings): void;
  /** @returns how to stop it */
  listen(hear: (landings: Landings) => void): () => void;
}

/**
 * Wakes the workers of this process when messages of their topic have landed, and those of others, where there is a way to
 * tell them. A hint: it may be lost.
 */
export class LandedBell {
  private readonly listeners = new Map<string, Set<LandedListener>>();
  private stopListening: (() => void) | undefined;

  constructor(private readonly others?: OtherProcesses) {}

  /** @returns how to stop listening */
  listen(topic: string, listener: LandedListener): () => void {
    // Not before: a process that only publishes needs no connection for it.
    this.stopListening ??= this.others?.listen((landings) => this.wake(landings));
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  ring(landed: readonly { topic: string; keyed: boolean }[]): void {
    if (landed.length === 0) return;
    const landings = new Map<string, boolean>();
    for (const { topic, keyed } of landed) landings.set(topic, keyed || landings.get(topic) === true);
    this.wake(landings);
    this.others?.tell(landings);
  }

  close(): void {
    this.stopListening?.();
    this.listeners.clear();
  }

  private wake(landings: Landings): void {
    for (const [topic, keyed] of landings) this.listeners.get(topic)?.forEach((listener) => listener(keyed));
  }
}
