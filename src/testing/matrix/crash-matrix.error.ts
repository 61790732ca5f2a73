/** A point that broke something, and what. */
export interface BrokenPoint {
  readonly point: string;
  /** In words, with what to do about it. */
  readonly problem: string;
}

/** What a handler does not survive. */
export class CrashMatrixError extends Error {
  /** What was not tried, and why, in words. */
  readonly leftOut: readonly string[];

  constructor(
    readonly broken: readonly BrokenPoint[],
    /** The points that broke nothing. */
    readonly passed: readonly string[],
    { leftOut = [], cause }: { leftOut?: readonly string[]; cause?: unknown } = {},
  ) {
    const lines = broken.map(({ point, problem }) => `\n\n✕ ${point}\n  ${problem.replaceAll('\n', '\n  ')}`);
    const untried = leftOut.length > 0 ? `\n\nNot tried:\n  ${leftOut.join('\n  ')}` : '';
    super(
      `${broken.length} of ${broken.length + passed.length} points broke something:${lines.join('')}${untried}\n`,
      { cause },
    );
    this.name = 'CrashMatrixError';
    this.leftOut = leftOut;
  }
}
