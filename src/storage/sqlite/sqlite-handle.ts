import type { RawDatabase, RawStatement } from './driver-surface.js';

/** One open connection to the database with its compiled statements. */
export class SqliteHandle {
  /** False once it could not be rolled back. */
  reusable = true;
  readonly #statements = new Map<string, RawStatement>();

  /** @param cacheSize compiled statements to keep; 0: none */
  constructor(
    readonly raw: RawDatabase,
    private readonly cacheSize: number,
  ) {}

  get inTransaction(): boolean {
    return this.raw.open && this.raw.inTransaction;
  }

  prepare(sql: string): RawStatement {
    const cached = this.#statements.get(sql);
    if (cached) return cached;
    const statement = this.raw.prepare(sql);
    this.#statements.set(sql, statement);
    if (this.#statements.size > this.cacheSize) this.#dropOldest();
    return statement;
  }

  /** Never throws: a handle that can't roll back is closed instead of reused, and closing it rolls back. */
  rollback(): void {
    try {
      if (this.inTransaction) this.raw.exec('ROLLBACK');
    } catch {
      this.reusable = false;
    }
  }

  close(): void {
    this.#statements.clear();
    this.raw.close();
  }

  #dropOldest(): void {
    const oldest = this.#statements.keys().next().value;
    if (oldest !== undefined) this.#statements.delete(oldest);
  }
}
