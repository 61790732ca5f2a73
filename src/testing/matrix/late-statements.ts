import type { TestedRuntime } from '../harness/runtime-of.js';
import { interpose } from '../interpose.js';
import type { Probe } from './probe.js';

/** Statements that came when the scope of their handler was over. Only the log tells of them: nobody waits for them. */
export class LateStatements {
  private readonly told: string[] = [];
  readonly close: () => void;

  constructor({ logger }: TestedRuntime) {
    this.close = interpose(logger, 'error', (error: (...args: unknown[]) => void) => (...args: unknown[]) => {
      this.told.push(String(args[0]));
      error(...args);
    });
  }

  /** What was said of these. Those that were cut off may well have gone on. */
  of(probes: readonly Probe[]): string[] {
    const starts = probes.map(({ scope }) => `${scope} is over (`);
    return [...new Set(this.told.filter((message) => starts.some((start) => message.startsWith(start))))];
  }
}
