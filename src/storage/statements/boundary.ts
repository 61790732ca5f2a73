/** What a statement does to the transaction that it is sent in, going by its first words. */
export type Boundary = 'begins' | 'nests' | 'commits' | 'rolls-back';

/** @returns undefined for all but the statements that begin, nest or end a transaction */
export function boundaryOf(sql: string): Boundary | undefined {
  const [, verb] = FIRST_WORD.exec(sql) ?? [];
  switch (verb?.toUpperCase()) {
    case 'BEGIN':
    case 'START':
      return 'begins';
    case 'SAVEPOINT':
    case 'RELEASE':
      return 'nests';
    case 'COMMIT':
      return 'commits';
    case 'ROLLBACK':
      return TO_SAVEPOINT.test(sql) ? 'nests' : 'rolls-back';
    default:
      return undefined;
  }
}

const FIRST_WORD = /^\s*(BEGIN|START|SAVEPOINT|RELEASE|COMMIT|ROLLBACK)\b/i;
const TO_SAVEPOINT = /^\s*ROLLBACK\s+(?:\w+\s+)?TO\b/i;
