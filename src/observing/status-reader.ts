import type { Status } from '../operate/index.js';

export interface StatusReaderOptions {
  /** For how long an answer is given again, in milliseconds. */
  cacheMs: number;
  /** How long anybody waits for one, in milliseconds. */
  timeoutMs: number;
}

export type StatusAnswer = { status: Status; error?: undefined } | { status?: undefined; error: unknown };

/** Scrapes are a minute apart at most. */
const LATE_FOR_MS = 60_000;

/**
 * Reads the status for whoever asks often. However many ask, and however slow the database is, no more than one question
 * is under way, and there is none for as long as the last answer is young enough.
 */
export class StatusReader {
  private last: { answer: StatusAnswer; at: number } | undefined;
  /** What came when nobody waited for it any more, and nobody was given yet. */
  private late: { answer: StatusAnswer; at: number } | undefined;
  private asking: Promise<StatusAnswer> | undefined;

  constructor(
    private readonly read: () => Promise<Status>,
    private readonly options: StatusReaderOptions,
    private readonly now = () => performance.now(),
  ) {}

  /**
   * Never rejects, and never takes longer than `timeoutMs`. What comes later is there for the next one who asks, within a
   * minute: else a database that is always slow would never be seen.
   */
  async latest(): Promise<StatusAnswer> {
    const { last, late, options } = this;
    if (last && this.now() - last.at < options.cacheMs) return last.answer;
    this.asking ??= this.ask();
    this.late = undefined;
    if (!late || this.now() - late.at >= LATE_FOR_MS) return this.within(this.asking);
    // For all gauges of this scrape.
    this.last = { answer: late.answer, at: this.now() };
    return late.answer;
  }

  private async ask(): Promise<StatusAnswer> {
    const begun = this.now();
    let answer: StatusAnswer;
    try {
      answer = { status: await this.read() };
    } catch (error) {
      answer = { error };
    }
    this.last = { answer, at: this.now() };
    this.late = this.last.at - begun > this.options.timeoutMs ? this.last : undefined;
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
