/** A statement of a campaign, which has a `?` for each of its values and for nothing else, as PostgreSQL wants it. */
export function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll('?', () => `$${++count}`);
}
