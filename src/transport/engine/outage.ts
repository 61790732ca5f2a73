import { describeError } from '../../errors/index.js';

/** What is said of an engine that is away: each thing once until it is there again, however many connections to it there are. */
export class Outage {
  private readonly said = new Set<string>();

  constructor(
    private readonly name: string,
    private readonly warn: (line: string) => void,
  ) {}

  broke(reason?: unknown): void {
    const why = reason === undefined ? '.' : `: ${describeError(reason)}`;
    this.say(`The connection to ${this.name} broke${why}`);
  }

  failed(reason: unknown): void {
    this.say(`${this.name} can't be reached for now: ${describeError(reason)}`);
  }

  over(): void {
    if (this.said.size === 0) return;
    this.said.clear();
    this.warn(`${this.name} is there again.`);
  }

  private say(line: string): void {
    if (this.said.has(line)) return;
    this.said.add(line);
    this.warn(line);
  }
}
