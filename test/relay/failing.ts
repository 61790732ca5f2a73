import type { Connection, LibraryConnections } from '../../src/storage/index.js';
import type { Engine } from '../support/engines.js';

/** Where a process, or its connection, fails. */
export interface Failure {
  /** Counts the statements, and the COMMITs of transactions, from 1 on; 0 for never. */
  at: number;
  /** Whether the database has done it when it fails. */
  when: 'before' | 'after';
  error: Error;
  /** Fails from there on as well: the process is dead. */
  forGood?: boolean;
}

export interface FailingConnections extends LibraryConnections {
  /** Statements and COMMITs so far. */
  readonly steps: number;
}

/** The same connections, which fail where the test says so. A statement that fails takes its transaction with it. */
export function failing(real: LibraryConnections, failure: Failure): FailingConnections {
  let steps = 0;
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    const now = ++steps;
    const fails = failure.forGood ? failure.at > 0 && now >= failure.at : now === failure.at;
    if (fails && (failure.when === 'before' || now > failure.at)) throw failure.error;
    const result = await work();
    if (fails) throw failure.error;
    return result;
  };
  const counted = (on: Connection): Connection => ({
    ...(on.dataSource && { dataSource: on.dataSource }),
    query: (sql, parameters, structured) => step(() => on.query(sql, parameters, structured)),
  });
  return {
    database: real.database,
    get steps() {
      return steps;
    },
    control: (work) => real.control((on) => work(counted(on))),
    async controlTransaction<T>(work: (on: Connection) => Promise<T>, options?: { attempts: number }) {
      let lost: Error | undefined;
      const result = await real.controlTransaction(async (on) => {
        lost = undefined;
        const value = await work(counted(on));
        // The COMMIT: before it the transaction is rolled back, after it only the answer is lost.
        await step(async () => undefined).catch((error: Error) => {
          if (failure.when === 'before' || steps > failure.at) throw error;
          lost = error;
        });
        return value;
      }, options);
      if (lost) throw lost;
      return result;
    },
    scopeRunner: (request) => real.scopeRunner(request),
    allowSilence: (seconds) => real.allowSilence(seconds),
    oldestTransaction: () => real.oldestTransaction(),
    close: () => real.close(),
  };
}

/** What the engine says when two transactions got in each other's way. */
export function deadlock(engine: Engine): Error {
  return engine === 'sqlite'
    ? Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' })
    : Object.assign(new Error('Deadlock found when trying to get lock'), {
        driverError: { errno: 1213, code: 'ER_LOCK_DEADLOCK' },
      });
}
