/** Watches what handlers of one line do: whether two of them run at the same time, and in which order they end well. */
export class Witnesses {
  /** Those that were under way when another one of their line began. */
  readonly overlaps: string[] = [];
  private readonly inside = new Map<string, number>();
  private readonly ended = new Map<string, number[]>();

  async during<T>(line: string, number: number, work: () => Promise<T> | T): Promise<T> {
    const other = this.inside.get(line);
    if (other !== undefined) this.overlaps.push(`${line}: ${other} and ${number}`);
    this.inside.set(line, number);
    try {
      // Another one has the time to begin.
      await new Promise((resolve) => setImmediate(resolve));
      const result = await work();
      // A COMMIT that failed after it has it run again, in its place.
      if (this.done(line).at(-1) !== number) this.ended.set(line, [...this.done(line), number]);
      return result;
    } finally {
      this.inside.delete(line);
    }
  }

  done(line: string): number[] {
    return this.ended.get(line) ?? [];
  }
}
