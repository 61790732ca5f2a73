import { setImmediate as nextTurn } from 'node:timers/promises';

/** What a handler has sent and not yet had an answer to. */
export class InFlight {
  private readonly statements = new Set<Promise<void>>();
  private streams = 0;

  get isEmpty(): boolean {
    return this.statements.size === 0 && this.streams === 0;
  }

  /** A stream holds its connection for as long as nobody reads on. */
  get hasStreams(): boolean {
    return this.streams > 0;
  }

  /** For messages. */
  toString(): string {
    return `${this.statements.size} of its statements were still running and ${this.streams} streams were open`;
  }

  async settled(): Promise<void> {
    await Promise.all(this.statements);
  }

  /**
   * What the handler gets in place of the statement. When `isMissed()` says that nobody waits any more, a rejection would
   * end the process: it is kept back. It is passed on a turn later for that reason, so that a handler which did not wait
   * for it has returned by then.
   */
  track<T>(statement: Promise<T>, isMissed: () => boolean): Promise<T> {
    const settled = statement.then(
      () => undefined,
      () => nextTurn(),
    );
    this.statements.add(settled);
    void settled.then(() => this.statements.delete(settled));
    return statement.catch(async (error: unknown) => {
      await settled;
      if (isMissed()) await neverSettling();
      throw error;
    });
  }

  /** Also hears the stream's error, which would end the process where nobody else does. */
  trackStream<S extends NodeJS.EventEmitter>(stream: S): S {
    this.streams++;
    let open = true;
    const closed = () => {
      if (open) this.streams--;
      open = false;
    };
    for (const event of ['end', 'close', 'error']) stream.once(event, closed);
    return stream;
  }
}

export function neverSettling(): Promise<never> {
  return new Promise<never>(() => undefined);
}
