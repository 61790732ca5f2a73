import { numbered } from '../../src/storage/numbered.js';

describe('placeholders for node-postgres', () => {
  it('are numbered in their order', () => {
    expect(numbered('UPDATE t SET a = ?, b = b + ? WHERE c IN (?, ?)')).toBe(
      'UPDATE t SET a = $1, b = b + $2 WHERE c IN ($3, $4)',
    );
  });

  it('are not looked for in names and texts', () => {
    expect(numbered(`SELECT '?', 'it''s ?' FROM "what?"."a""?" WHERE x = ?`)).toBe(
      `SELECT '?', 'it''s ?' FROM "what?"."a""?" WHERE x = $1`,
    );
  });
});
