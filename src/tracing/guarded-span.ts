import type { MessageSpan, SpanFacts } from './port.js';

/** Calls somebody's own code. @returns undefined where it threw */
export type Guard = <T>(call: () => T) => T | undefined;

/** A span whose every method may throw, and may not do what it should: the work is done all the same, and once. */
export class GuardedSpan {
  private isOver = false;

  constructor(
    readonly span: MessageSpan,
    private readonly guard: Guard,
  ) {}

  /** Each pair a name and a value. */
  context(): readonly (readonly [string, string])[] {
    return this.guard(() => [...new Map(this.span.context())]) ?? [];
  }

  run<T>(work: () => T): T {
    let result: Result<T> | undefined;
    const once = () => (result ??= resultOf(work));
    this.guard(() => this.span.run(once));
    const settled = once();
    if ('thrown' in settled) throw settled.thrown;
    return settled.value;
  }

  /** Runs work in the span, and ends it when that has. */
  async during<T>(work: () => Promise<T>, factsOf: (result: T) => SpanFacts): Promise<T> {
    let result: T;
    try {
      result = await this.run(work);
    } catch (error) {
      this.end(error);
      throw error;
    }
    this.note(factsOf(result));
    this.end();
    return result;
  }

  note(facts: SpanFacts): void {
    if (!this.isOver) this.guard(() => this.span.note(facts));
  }

  /** May be called again. */
  end(error?: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.guard(() => this.span.end(error));
  }
}

type Result<T> = { value: T } | { thrown: unknown };

function resultOf<T>(work: () => T): Result<T> {
  try {
    return { value: work() };
  } catch (thrown) {
    return { thrown };
  }
}
