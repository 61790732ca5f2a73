import { errorCode } from '../../errors/index.js';
import type { Dialect } from './dialect.js';

export const sqlite: Dialect = {
  engine: 'sqlite',
  isWithinProcess: true,
  body: '`body`',
  errorsAbort: false,
  refusesCommit: () => true,
  quote: (name) => `"${name.replaceAll('"', '""')}"`,
  now: "CAST(ROUND(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000",
  hex: (bytes) => `HEX(${bytes})`,
  // One writer at a time: BEGIN IMMEDIATE holds what the locking reads hold elsewhere.
  forUpdateSkipLocked: '',
  forUpdate: '',
  forShare: '',
  isDuplicateKey: (error) => /^SQLITE_CONSTRAINT_(PRIMARYKEY|UNIQUE)$/.test(errorCode(error) ?? ''),
  isContention: (error) => /^SQLITE_(BUSY|LOCKED|WRITE_TIMEOUT)/.test(errorCode(error) ?? ''),
  isUnwritable: (error) => errorCode(error) === 'SQLITE_FULL',
  isNotAllowed: () => false,
  isInterrupted: () => false,
  endsTransaction: (error) => /^SQLITE_(BUSY|FULL|IOERR|NOMEM|INTERRUPT)/.test(errorCode(error) ?? ''),
  undoesTransaction: () => false,
};
