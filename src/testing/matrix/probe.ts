import type { Database, ScopeDelivery } from '../../storage/index.js';

/** Of the library's own, around those of the handler. */
const NOT_A_POINT = /^\s*(?:BEGIN|START|ROLLBACK|SELECT 1 AS alive)\b/i;
const WRITES = /^\s*(?:INSERT|UPDATE|DELETE|REPLACE)\b/i;

export interface Statement {
  /** From 1 on, in its transaction. */
  readonly number: number;
  readonly sql: string;
  /** The handler's own; the others are the dedup row, the last one before the COMMIT, and the COMMIT. */
  readonly isHandlers: boolean;
  /** The how many-th of them that changes anything; 0: it changes nothing. */
  readonly write: number;
}

/** One attempt of a delivery: its transaction, and its handler. */
export class Probe {
  readonly statements: Statement[] = [];
  /** Rejects when the handler is given up in the middle of it. */
  readonly abandoned: Promise<never>;
  /** Resolves when the handler has returned, thrown, or been given up. */
  readonly ended: Promise<void>;
  abandon!: (cause: Error) => void;
  isInHandler = false;
  private end!: () => void;
  private writes = 0;

  constructor(
    /** The very object that its scope was asked for with. */
    readonly delivery: ScopeDelivery,
    /** Of those of this consumer in the run, from 0 on. */
    readonly nth: number,
    readonly closeConnection: () => void,
    readonly engine: Database['dialect']['engine'],
    /** Does to the transaction what the engine would have done with a deadlock. */
    readonly afterDeadlock: () => Promise<unknown>,
    /** The same with any other error. */
    readonly afterError: () => Promise<unknown>,
  ) {
    this.abandoned = new Promise((_, reject) => (this.abandon = reject));
    this.abandoned.catch(() => undefined);
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  async around<T>(handler: () => Promise<T>): Promise<T> {
    this.isInHandler = true;
    try {
      return await Promise.race([handler(), this.abandoned]);
    } finally {
      this.isInHandler = false;
      this.end();
    }
  }

  /** @returns undefined where nothing is to happen */
  next(sql: string): Statement | undefined {
    if (NOT_A_POINT.test(sql)) return undefined;
    const write = this.isInHandler && WRITES.test(sql) ? ++this.writes : 0;
    const statement = {
      number: this.statements.length + 1,
      sql,
      isHandlers: this.isInHandler,
      write,
    };
    this.statements.push(statement);
    return statement;
  }
}
