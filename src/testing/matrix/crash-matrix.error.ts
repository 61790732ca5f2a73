/** A point that broke something, and what. */
export interface BrokenPoint {
  readonly point: string;
  /** In words, with what to do about it. */
  readonly problem: string;
}

/** What a handler does not survive. */
export class CrashMatrixError extends Error {
  constructor(
    readonly broken: readonly BrokenPoint[],
    /** The points that broke nothing. */
    readonly passed: readonly string[],
  ) {
    const lines = broken.map(({ point, problem }) => `\n\n✕ ${point}\n  ${problem.replaceAll('\n', '\n  ')}`);
    super(`${broken.length} of ${broken.length + passed.length} points broke something:${lines.join('')}\n`);
    this.name = 'CrashMatrixError';
  }
}
