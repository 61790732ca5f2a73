/** Why something that runs was told to stop. */
export type AbortCause = 'lease-lost' | 'shutdown' | 'timeout';

/** What can be told to stop, and got out of the way when it doesn't. */
export class Stoppable {
  private readonly controller = new AbortController();
  abortedBy: AbortCause | undefined;
  /** Gets the transaction out of the way of what doesn't stop; set while something runs that might not. */
  abandon: ((cause: Error) => void) | undefined;

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(by: AbortCause, reason: Error): void {
    if (this.abortedBy) return;
    this.abortedBy = by;
    this.controller.abort(reason);
  }
}
