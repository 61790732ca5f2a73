/** A name or a text in quotes, or a placeholder. */
const QUOTED_OR_PLACEHOLDER = /"[^"]*"|'[^']*'|\?/g;

/** The statement as node-postgres wants it: `$1`, `$2` and so on in place of each `?`. */
export function numbered(sql: string): string {
  let count = 0;
  return sql.replace(QUOTED_OR_PLACEHOLDER, (found) => (found === '?' ? `$${++count}` : found));
}
