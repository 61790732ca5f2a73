import type { QueryRunner } from 'typeorm';
import type { ServerDriver } from './server-driver.js';

/** Gives the connection of a runner back, or away, once. */
export class RunnerLease {
  private over = false;
  private readonly giveBack: () => Promise<void>;

  constructor(
    private readonly driver: ServerDriver,
    private readonly runner: QueryRunner,
    private readonly connection: object,
    private readonly onOver: () => void = () => undefined,
  ) {
    // Bound now: a scope refuses release() to its handler.
    this.giveBack = runner.release.bind(runner);
  }

  async release(): Promise<void> {
    if (this.over) return;
    this.over = true;
    await this.giveBack().finally(this.onOver);
  }

  destroy(): void {
    if (this.over) return;
    this.over = true;
    this.driver.destroy(this.connection, this.runner, this.giveBack);
    this.onOver();
  }
}
