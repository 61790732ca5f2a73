/** Whoever asks for the service's health needs no token, and must not be able to keep the database busy. Milliseconds. */
const KEPT_MS = 1_000;

/** Whether the database answers, asked no more than once a second, however many want to know. */
export class ReadyProbe {
  private answer: Promise<boolean> | undefined;
  private askedAt = -Infinity;

  constructor(
    private readonly ask: () => Promise<boolean>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  isReady(): Promise<boolean> {
    const now = this.now();
    if (!this.answer || now - this.askedAt >= KEPT_MS) {
      this.askedAt = now;
      this.answer = this.ask();
    }
    return this.answer;
  }
}
