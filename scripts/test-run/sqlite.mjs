import { createRequire } from 'node:module';

/**
 * Why SQLite can't be tested, or undefined. The module alone loads without its compiled part, so a database
 * has to be opened.
 *
 * @returns {string | undefined}
 */
export function sqliteProblem() {
  try {
    const Database = createRequire(import.meta.url)('better-sqlite3');
    new Database(':memory:').close();
    return undefined;
  } catch (error) {
    const [firstLine] = /** @type {Error} */ (error).message.split('\n');
    return `better-sqlite3: ${firstLine}\nTo build it: npm rebuild better-sqlite3 (needs python3, make and g++)`;
  }
}
