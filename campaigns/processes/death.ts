import Sqlite from 'better-sqlite3';
import { TransactionWatch } from '../proxy/transaction-watch.js';
import type { Line } from './history.js';
import type { Death } from './task.js';

interface Statement {
  readonly source: string;
  readonly database: object;
  run: (this: Statement, ...values: unknown[]) => unknown;
}

/** Kills this process right before or right after one of its COMMITs on SQLite. */
export function dieAtCommit({ place, when, nth }: Death, write: (line: Line) => void): void {
  const watches = new WeakMap<object, TransactionWatch>();
  const prototype = Object.getPrototypeOf(new Sqlite(':memory:').prepare('SELECT 1')) as Statement;
  const { run } = prototype;
  let seen = 0;
  const die = () => {
    write({ died: `${place} ${when}` });
    process.kill(process.pid, 'SIGKILL');
  };
  prototype.run = function (this: Statement, ...values) {
    const watch = watches.get(this.database) ?? new TransactionWatch();
    watches.set(this.database, watch);
    const isCommit = /^\s*COMMIT/i.test(this.source);
    if (/^\s*(BEGIN|ROLLBACK)/i.test(this.source)) watch.end();
    watch.note(this.source);
    const isIt = isCommit && watch.end() === place && ++seen === nth;
    if (isIt && when === 'before-commit') die();
    const result = run.apply(this, values);
    if (isIt) die();
    return result;
  };
}
