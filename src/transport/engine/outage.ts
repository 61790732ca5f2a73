import { describeError } from '../../errors/index.js';

/** What is said of an engine that is away: each thing once until all connections to it are there again. */
export class Outage {
  private readonly said = new Set<string>();
  private readonly away = new Set<object>();

  constructor(
    private readonly name: string,
    private readonly warn: (line: string) => void,
  ) {}

  broke(connection: object, reason?: unknown): void {
    const why = reason === undefined ? '.' : `: ${describeError(reason)}`;
    this.say(connection, `The connection to ${this.name} broke${why}`);
  }

  failed(connection: object, reason: unknown): void {
    this.say(connection, `${this.name} can't be reached for now: ${describeError(reason)}`);
  }

  over(connection: object): void {
    if (!this.away.delete(connection) || this.away.size > 0) return;
    this.said.clear();
    this.warn(`${this.name} is there again.`);
  }

  private say(connection: object, line: string): void {
    this.away.add(connection);
    if (this.said.has(line)) return;
    this.said.add(line);
    this.warn(line);
  }
}
