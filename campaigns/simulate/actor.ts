/** A process of the simulation: what belongs to it ends with it. */
export class Actor {
  isAlive = true;
  /** Nothing happens to it before. */
  frozenUntil = 0;
  /** How far its machine's clock is ahead, in milliseconds. */
  clockAheadMs = 0;
  /** What the library keeps once for each process. */
  readonly globals = new Map<symbol, unknown>();
  private readonly endings = new Set<() => void>();

  /** @param isMortal whether faults may happen to it: the keeper of the simulation is spared */
  constructor(
    readonly name: string,
    readonly isMortal = true,
  ) {}

  /** Done when it dies. @returns how to take that back */
  atDeath(ending: () => void): () => void {
    this.endings.add(ending);
    return () => this.endings.delete(ending);
  }

  /** All its further steps are abandoned: what it waits for never comes. */
  die(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const ending of this.endings) ending();
    this.endings.clear();
  }
}
