import type { Connection as Session } from 'mysql2/promise';
import { type BenchDatabase, openSession } from './database.js';

/** What a server of MariaDB or MySQL was asked, by its own count. */
export interface Asked {
  statements: number;
  commits: number;
}

/** @returns undefined where nothing counts: SQLite, and PostgreSQL, which knows no statements */
export async function countAsked<T>(
  database: BenchDatabase,
  work: () => Promise<T>,
): Promise<{ result: T; asked: Asked | undefined }> {
  if (database.engine === 'sqlite' || database.engine === 'postgres') {
    return { result: await work(), asked: undefined };
  }
  const session = await openSession(database);
  try {
    const before = await counts(session);
    const result = await work();
    const after = await counts(session);
    const asked = {
      // Without the one that asked.
      statements: after.Questions! - before.Questions! - 1,
      commits: after.Com_commit! - before.Com_commit!,
    };
    return { result, asked };
  } finally {
    await session.end();
  }
}

async function counts(session: Session): Promise<Record<string, number>> {
  const [rows] = await session.query("SHOW GLOBAL STATUS WHERE Variable_name IN ('Questions', 'Com_commit')");
  const told = rows as { Variable_name: string; Value: string }[];
  return Object.fromEntries(told.map(({ Variable_name: name, Value }) => [name, Number(Value)]));
}
