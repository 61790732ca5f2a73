import type { Status } from '../operate/index.js';

export interface StatusReaderOptions {
  /** For how long an answer is given again, in milliseconds. */
  cacheMs: number;
  /** How long anybody waits for one, in milliseconds. */
  timeoutMs: number;
}

export type StatusAnswer = { status: Status; error?: undefined } | { status?: undefined; error: unknown };

/**
 * Reads the status for whoever asks often. However many ask, and however slow the database is, no more than one question
 * is under way, and there is none for as long as the last answer is young enough.
 */
export class StatusReader {
  private last: { answer: StatusAnswer; at: number } | undefined;
  private asking: Promise<StatusAnswer> | undefined;

  constructor(
    private readonly read: () => Promise<Status>,
    private readonly options: StatusReaderOptions,
    private readonly now = () => performance.now(),
  ) {}

  /** Never rejects, and never takes longer than `timeoutMs`. What comes later is there for the next one who asks. */
  async latest(): Promise<StatusAnswer> {
    const { last, options } = this;
    if (last && this.now() - last.at < options.cacheMs) return last.answer;
    this.asking ??= this.ask();
    return this.within(this.asking);
  }

  private async ask(): Promise<StatusAnswer> {
    let answer: StatusAnswer;
    try {
      answer = { status: await this.read() };
    } catch (error) {
      answer = { error };
    }
    this.last = { answer, at: this.now() };
    this.asking = undefined;
    return answer;
  }

  private async within(asking: Promise<StatusAnswer>): Promise<StatusAnswer> {
    const { timeoutMs } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<StatusAnswer>((resolve) => {
      const error = new Error(`The status could not be read within ${timeoutMs} ms.`);
      timer = setTimeout(() => resolve({ error }), timeoutMs);
    });
    try {
      return await Promise.race([asking, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
