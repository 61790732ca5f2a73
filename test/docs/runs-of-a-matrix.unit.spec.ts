import { readFileSync } from 'node:fs';
import { STATEMENT_FAULTS } from '../../src/testing/matrix/statement-faults.js';

/** docs/testing.md says how long a crash matrix takes: as many runs as there are points. */
describe('docs/testing.md', () => {
  const faultsOf = (isHandlers: boolean, { isSqlite = false, isOneDatabase = true, sql = 'INSERT' } = {}) => {
    const statement = { number: 1, sql, isHandlers, write: 0 };
    return STATEMENT_FAULTS.filter(({ applies }) => applies(statement, { isSqlite, isOneDatabase })).length;
  };
  const WORDS = ['none', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

  it('counts the runs of a statement', () => {
    const [server, sqlite] = [faultsOf(true), faultsOf(true, { isSqlite: true })].map(
      (count) => WORDS[count],
    );
    const own = WORDS[faultsOf(false)];
    expect(faultsOf(false, { sql: 'COMMIT' })).toBe(faultsOf(false));
    expect(readFileSync('docs/testing.md', 'utf8')).toContain(
      `**It takes** ${server} runs for each statement of a handler on a server, ${sqlite} on SQLite in one database, and ${own} for each of the library's own`,
    );
  });
});
