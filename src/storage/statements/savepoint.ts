import { type Connection, write } from '../execute.js';

/** How the library's own savepoints are called, unlike TypeORM's and the app's. */
const NAME = 'nestjs_idempotent_mq_';
let made = 0;

/** Runs statements in a transaction of somebody else so that all of them count or none, also where an error is swallowed. */
export async function allOrNone<T>(on: Connection, work: () => Promise<T>): Promise<T> {
  const savepoint = `${NAME}${++made}`;
  await write(on, `SAVEPOINT ${savepoint}`, []);
  try {
    const result = await work();
    await write(on, `RELEASE SAVEPOINT ${savepoint}`, []);
    return result;
  } catch (error) {
    // Fails where the transaction is gone as a whole.
    await write(on, `ROLLBACK TO SAVEPOINT ${savepoint}`, []).catch(() => undefined);
    throw error;
  }
}

/** What a statement does to the transaction that it is sent in, going by its first words. */
export type Boundary = 'begins' | 'nests' | 'ends';

/** @returns undefined for all but the statements that begin, nest or end a transaction; also for the library's own savepoints */
export function boundaryOf(sql: string): Boundary | undefined {
  const [, verb] = FIRST_WORD.exec(sql) ?? [];
  switch (verb?.toUpperCase()) {
    case 'BEGIN':
    case 'START':
      return 'begins';
    case 'SAVEPOINT':
    case 'RELEASE':
      return sql.includes(NAME) ? undefined : 'nests';
    case 'COMMIT':
    case 'ROLLBACK':
      if (!TO_SAVEPOINT.test(sql)) return 'ends';
      return sql.includes(NAME) ? undefined : 'nests';
    default:
      return undefined;
  }
}

const FIRST_WORD = /^\s*(BEGIN|START|SAVEPOINT|RELEASE|COMMIT|ROLLBACK)\b/i;
const TO_SAVEPOINT = /^\s*ROLLBACK\s+(?:\w+\s+)?TO\b/i;
